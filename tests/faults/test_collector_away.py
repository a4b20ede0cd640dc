"""A host that is really off the network for a while and comes back: a gap meanwhile, all of it read in afterwards, nothing twice."""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

import pytest
from django.test import Client

from hosts import observe
from hosts.models import Host
from tests.faults.collecting import Collecting, client_of, collecting, truth  # noqa: F401
from tests.faults.conftest import Site, wait_for

# Seconds: longer than the platform waits for a word. (Minutes by hand.)
AWAY = float(os.environ.get("TEST_AWAY", "20"))
MARKUP = "<script>alert(1)</script>&amp;\"'"


@pytest.fixture
def page(sre: Any) -> Any:
    client = Client()
    client.force_login(sre)
    return lambda path: client.get(path).content.decode()


def test_a_host_that_was_away(site: Site, truth: Collecting, page: Any) -> None:  # noqa: F811
    host = site.hosts[0]
    # One piece of work a second, whose bytes are counted by the kernel whatever becomes of the network.
    truth.run(1, "works", "sh", "-c", "while :; do head -c 3000000 /dev/zero | md5sum > /dev/null; sleep 1; done")
    truth.begin(host)
    first, _values = truth.sample_after("instance:1", time.time(), has="cpu.cores")
    site.fleet.hosts[0].cut()
    try:
        cut = time.time()
        wait_for("the trouble in the row", lambda: truth.row(host).trouble, 90)
        wait_for(
            "the host to be away",
            lambda: (observe.refresh_host(host.pk), Host.objects.get(pk=host.pk))[1].state == "unreachable",
            120,
        )
        said = page(f"/hosts/{host.name}/")
        assert "Unreachable" in said
        assert Host.objects.get(pk=host.pk).state_since is not None
        assert f'datetime="{Host.objects.get(pk=host.pk).state_since:%Y-%m-%d}' in said, "and since when"
        assert "The stream broke off" in said or "said nothing" in said or truth.row(host).trouble in said
        time.sleep(max(0.0, cut + AWAY - time.time()))  # time itself is the matter
        newest = truth.points("instance:1", "cpu.cores", first)[-1].time
        assert newest < cut + 3, "a gap, and no line over it"
        assert time.time() - newest >= AWAY - 3
    finally:
        site.fleet.hosts[0].heal()
    back = time.time()
    truth.sample_after("instance:1", back, has="cpu.cores", seconds=120)
    points = wait_for("what was ticked meanwhile", lambda: _whole(truth, first), 60)
    steps = [after.time - before.time for before, after in itertools.pairwise(points)]
    assert min(steps) > 0.4, "none twice"
    assert len(points) == pytest.approx(points[-1].time - first, rel=0.1), "one a second, the time away as well"
    row = truth.row(host)
    assert (row.lost_ticks, row.lines_bad, row.trouble) == (0, 0, "")
    observe.refresh_host(host.pk)
    assert "Unreachable" not in page(f"/hosts/{host.name}/")


def _whole(truth: Collecting, first: float) -> Any:  # noqa: F811
    points = truth.points("instance:1", "cpu.cores", first)
    steps = [after.time - before.time for before, after in itertools.pairwise(points)]
    return points if steps and max(steps) < 2.5 else None


def test_a_container_whose_labels_and_names_are_markup(site: Site, truth: Collecting, page: Any) -> None:  # noqa: F811
    """The engine refuses it as a name, and takes it for labels, a host name is cut, commands and environment have it."""
    host = site.hosts[0]
    with client_of(site, host) as client:
        truth.run(1, "plain", "sleep", "1000")
        config = client.create_host_config(network_mode="none")
        with pytest.raises(Exception, match="Invalid container name"):
            client.create_container("truth:1", ["sleep", "1"], name=MARKUP, host_config=config)
        made = client.create_container(
            "truth:1", ["sleep", "1000"], name="marked", labels={MARKUP: MARKUP, "xq.service": MARKUP},
            environment={"X": MARKUP}, host_config=config,
        )["Id"]  # fmt: skip
        client.start(made)
        client.tag("truth:1", "truth", "b.i.b")
    truth.begin(host)
    truth.sample_after("instance:1", time.time(), has="cpu.cores")
    for path in (f"/hosts/{host.name}/", "/hosts/", "/monitoring/", f"/hosts/{host.name}/?q=%3Cscript%3Ealert(1)"):
        assert "<script>alert(1)" not in page(path), path
