"""Strategies and clicks on real engines, and workers killed where a release holds."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from containers import holds
from containers.models import Deployment, Instance
from containers.rollout.views import Gate
from containers.services import steering
from containers.steps import points
from hosts.models import Address, Segment
from tests.faults.conftest import Site, wait_for
from tests.faults.workers import Workers

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def unprobed(site: Site) -> None:
    Segment.objects.update(probe=False)


def held(site: Site, row: Deployment, kind: str) -> Deployment:
    """Advances it until it rests there."""
    site.advance(row)
    steps = [(s.instance.number, s.state, s.reason) for s in row.steps.all()]
    assert row.hold == kind, (row.state, row.hold, row.outcome, steps)
    return row


def states(row: Deployment) -> list[str]:
    return list(row.steps.values_list("state", flat=True))


def numbers(**wanted: Any) -> set[int]:
    return set(Instance.objects.filter(removed=None, **wanted).values_list("number", flat=True))


def test_a_canary_holds_until_somebody_lets_it_go_on(site: Site, workers: Workers) -> None:
    site.release("v1")
    row = site.deploy("v2", strategy="canary")
    assert workers.advance(row.pk, ["held by canary"]) == "held by canary"
    assert workers.advance(row.pk) == ""  # whoever comes next only waits
    row.refresh_from_db()
    assert (row.state, row.hold, row.hold_batch, states(row)) == (
        "running",
        "canary",
        0,
        ["done", "waiting", "waiting"],
    )
    assert site.texts() == ["v1", "v1", "v2"]
    steering.proceed(site.actor, row)
    site.succeeds(row)
    site.check(3, "v2")


def test_a_canary_goes_on_by_itself_after_its_time(site: Site) -> None:
    site.release("v1")
    row = site.deploy("v2", strategy="canary", canary=2, batch=2, hold=2)
    site.advance(row)  # (a rest this short is waited for)
    assert row.state == "succeeded", row.outcome
    begun = [min(times[0] for times in step.times.values()) for step in row.steps.all()]
    ended = [max(times[1] for times in step.times.values()) for step in row.steps.all()]
    assert begun[2] - ended[1] >= 2
    site.check(3, "v2")


def test_a_gate_that_says_so_rolls_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.release("v1")
    asked: list[int] = []
    said: list[Gate] = ["measuring"]

    def judge(row: Deployment, batch: int) -> holds.Verdict:
        asked.append(batch)
        return holds.Verdict(said[0], "5xx 3 % instead of 0.1 %")

    monkeypatch.setattr(holds, "GATES", [judge])
    row = held(site, site.deploy("v2"), "measuring")
    said[0] = "roll back"
    site.advance(row)
    assert (row.state, set(asked)) == ("rolled_back", {0})
    assert "5xx 3 %" in row.outcome
    site.check(3, "v1")


def test_a_failed_one_is_tried_again_and_another_left_out(site: Site) -> None:
    site.release("v1")
    row = held(site, site.deploy("sick", deadline=3, on_failure="hold"), "failed")
    assert (row.state, states(row)) == ("paused", ["failed", "waiting", "waiting"])
    first, second, third = row.steps.select_related("instance", "deployment__place__service")
    watched = first.new_engine_id
    assert [one["Id"] for one in site.containers() if one["Id"] == watched], "it stands, and is not well"
    steering.retry(site.actor, first, "once more")
    held(site, row, "failed")
    first.refresh_from_db()
    assert (first.state, first.tries) == ("failed", 1)
    ids = [one["Id"] for one in site.containers()]
    assert watched not in ids, "it was begun anew"
    assert first.new_engine_id in ids
    assert len(ids) == 3
    for step in (second, third):
        steering.skip(site.actor, step, "not now")
    steering.skip(site.actor, first, "it is sick")
    site.advance(row)
    assert (row.state, states(row)) == ("cancelled", ["undone", "skipped", "skipped"])
    site.check(3, "v1")


def test_recreate_stops_all_before_one_starts_and_goes_back_the_same_way(site: Site, workers: Workers) -> None:
    site.release("v1")
    row = site.deploy("v2", strategy="recreate")
    assert workers.advance(row.pk, ["halted"]) == "halted"
    assert workers.advance(row.pk, ["before start"]) == "before start"
    assert "v1" not in site.texts()
    site.succeeds(row)
    site.check(3, "v2")
    assert max(s.times["stop"][1] for s in row.steps.all()) <= min(s.times["start"][0] for s in row.steps.all())
    back = site.advance(site.deploy("sick", strategy="recreate", deadline=3))
    assert back.state == "rolled_back", back.outcome
    site.check(3, "v2")


def beside(site: Site, **policy: Any) -> Deployment:
    return site.deploy("v2", strategy="blue-green", **policy)


def test_blue_green_switches_and_comes_back(site: Site, workers: Workers) -> None:
    site.release("v1")
    addresses = set(Address.objects.filter(state="held").values_list("ip", flat=True))
    row = held(site, beside(site, keep=600, keep_running=False), "switch")
    assert site.texts() == ["v1"] * 3 + ["v2"] * 3
    steering.proceed(site.actor, row)
    assert workers.advance(row.pk, ["held by keep"]) == "held by keep"
    assert site.texts() == ["v2"] * 3
    steering.rollback(site.actor, row)
    held(site, row, "switch_back")
    assert site.texts() == ["v1"] * 3 + ["v2"] * 3  # all of them serve before the traffic comes back
    steering.proceed(site.actor, row)
    site.advance(row)
    assert row.state == "rolled_back", row.outcome
    site.check(3, "v1")
    assert set(Address.objects.filter(state="held").values_list("ip", flat=True)) == addresses


def test_blue_green_ends_with_the_new_ones_and_gives_the_old_addresses_back(site: Site, workers: Workers) -> None:
    site.release("v1")
    row = beside(site, keep=0, switch="auto")
    assert workers.advance(row.pk, ["before switch"]) == "before switch"
    assert site.texts() == ["v1"] * 3 + ["v2"] * 3
    assert workers.advance(row.pk, ["after switch"]) == "after switch"
    site.succeeds(row)
    site.check(3, "v2")
    assert numbers() == {4, 5, 6}
    assert Address.objects.filter(state="quarantine").count() == 3


def test_a_rollback_does_not_wait_for_a_call_that_hangs(site: Site) -> None:
    site.release("v1")
    row = site.deploy("v2", batch=1)
    engine = next(one for one in site.fleet.hosts if one.name == row.steps.all()[0].instance.host.name)
    frozen = threading.Event()

    def at(point: str, step: int) -> None:
        if point == "before create" and not frozen.is_set():
            engine.freeze()
            frozen.set()

    points.PROBE.append(at)
    try:
        site.begin(row)
        wait_for("a call hangs", frozen.is_set)
        steering.rollback(site.actor, row)
        wait_for("it is on its way back", lambda: row.steps.filter(state="undoing").exists())
    finally:
        engine.thaw()
    site.ended(row, "rolled_back")
    site.check(3, "v1")
