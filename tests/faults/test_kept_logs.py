"""On real engines: what containers said last is there after they went, also when the worker died in between."""

from __future__ import annotations

import time

import pytest

from containers.keeping_logs import keep, lines_of, read
from containers.models import Container, KeptLog
from containers.services.settings import save_config
from hosts.engine import connect
from tests.faults.conftest import CONFIG, Site
from tests.faults.workers import Workers

pytestmark = pytest.mark.engine
# (The engine reads the two streams side by side: a breath between them is what makes their order certain.)
CHATTY = (
    "i=0; while [ $i -lt 700 ]; do i=$((i+1)); echo line $i; done; sleep 2; echo oops >&2; exec httpd -f -p 80 -h /www"
)


def chatty(site: Site, wanted: int) -> None:
    site.place.wanted = wanted
    site.place.save()
    save_config(site.actor, site.place, CONFIG | {"command": ["/bin/sh", "-c", CHATTY]})


def test_a_release_keeps_the_last_lines_of_what_it_replaces(site: Site) -> None:
    chatty(site, 2)
    site.release("v1")
    old = list(Container.objects.values_list("engine_id", flat=True))
    row = site.release("v2")
    rows = KeptLog.objects.filter(engine_id__in=old)
    assert sorted(rows.values_list("engine_id", flat=True)) == sorted(old)
    for one in rows:
        lines = lines_of(one)
        assert (one.why, one.deployment, one.cut, one.problem, len(lines)) == ("replaced", row, True, "", 500)
        texts = [line.text for line in lines]
        assert "line 700" in texts
        assert "line 1" not in texts
        assert ("stderr", "oops") in [(line.stream, line.text) for line in lines]
        assert one.first is not None
        assert one.last is not None
        assert one.first <= one.last


def test_what_failed_is_kept_with_its_words(site: Site) -> None:
    site.place.wanted = 1
    site.place.save()
    site.release("v1")
    row = site.advance(site.deploy("exits", batch=1, deadline=20))
    assert row.state == "rolled_back", row.outcome
    one = KeptLog.objects.get(why="failed")
    assert "going down" in [line.text for line in lines_of(one)]
    assert one.deployment == row
    assert one.container is not None
    assert str(one.container.image.tag) == "exits"
    assert "going down" in row.steps.get().log


@pytest.mark.parametrize("death", ["before remove", "after remove"])
def test_a_worker_that_dies_loses_none_of_it(site: Site, workers: Workers, death: str) -> None:
    chatty(site, 1)
    site.release("v1")
    (old,) = Container.objects.values_list("engine_id", flat=True)
    row = site.deploy("v2", batch=1)
    assert workers.advance(row.pk, {death}) == death
    assert workers.advance(row.pk, set()) == ""
    row.refresh_from_db()
    assert row.state == "succeeded", row.outcome
    one = KeptLog.objects.get(engine_id=old)
    assert "line 700" in [line.text for line in lines_of(one)]
    assert one.container is not None
    assert one.container.ended is not None


def test_a_driver_that_cannot_be_read_fails_nothing_and_is_said(site: Site) -> None:
    site.place.wanted = 1
    site.place.save()
    save_config(site.actor, site.place, CONFIG | {"log_driver": "none"})
    site.release("v1")
    (old,) = Container.objects.values_list("engine_id", flat=True)
    site.release("v2")
    one = KeptLog.objects.get(engine_id=old)
    assert one.lines == 0
    assert "does not support reading" in one.problem


def test_a_line_without_end_is_read_in_its_time(site: Site) -> None:
    site.place.wanted = 1
    site.place.save()
    loud = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end; exec httpd -f -p 80 -h /www"
    save_config(site.actor, site.place, CONFIG | {"command": ["/bin/sh", "-c", loud]})
    site.release("v1")
    container = Container.objects.select_related("host", "instance").get()
    engine = connect(container.host)
    began = time.monotonic()
    assert keep(engine, container.engine_id, container.instance_id, "replaced").endswith("end")
    assert time.monotonic() - began < 10
    lines = read(engine, container.engine_id).lines
    assert all(len(line.text) < 20_000 for line in lines)
    # The engine writes a long line in pieces, each with its time: none of these is in the text.
    assert set(lines[0].text.partition("…")[0]) == {"x"}
