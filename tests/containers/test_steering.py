"""Letting a release go on, leaving an instance out, trying one again: on rows alone."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers import holds, leases, tasks
from containers.advancing.runner import Runner
from containers.hooks import closing
from containers.models import Deployment, HookRun, Step
from containers.services import releases, steering
from tests.containers.conftest import World
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

CANARY = {"strategy": "canary", "batch": 2}


def begun(world: World, **policy: Any) -> Deployment:
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    row = releases.deploy(world.actor, world.place, world.v2, policy=policy)
    Deployment.objects.filter(pk=row.pk).update(state="running")
    row.refresh_from_db()
    return row


def held(row: Deployment, hold: str, batch: int = 0, **fields: Any) -> Deployment:
    Deployment.objects.filter(pk=row.pk).update(hold=hold, hold_batch=batch, hold_since=timezone.now(), **fields)
    row.refresh_from_db()
    return row


def test_a_canary_goes_on_by_a_click_which_is_an_event(world: World) -> None:
    row = held(begun(world, **CANARY), "canary")
    assert row.policy["hold_after"] == 0
    steering.proceed(world.actor, row, "looks good")
    assert (row.hold, row.passed) == ("", 0)
    event = Event.objects.get(action="deployment.continue")
    assert (event.reason, event.after) == ("looks good", {"hold": "canary", "batch": 1})


def test_a_click_that_comes_too_late_is_refused_in_words(world: World) -> None:
    row = begun(world, **CANARY)
    with pytest.raises(Refused, match="Nothing holds"):
        steering.proceed(world.actor, row)
    held(row, "freeze", hold_why="market hours")
    with pytest.raises(Refused, match="market hours"):
        steering.proceed(world.actor, row)
    Deployment.objects.filter(pk=row.pk).update(state="succeeded")
    with pytest.raises(Refused, match="ended"):
        steering.proceed(world.actor, row)
    assert not Event.objects.filter(action="deployment.continue").exists()


def test_a_release_that_holds_or_rests_is_the_only_one(world: World) -> None:
    row = held(begun(world, **CANARY), "canary")
    for state in ("running", "paused", "rolling_back"):
        Deployment.objects.filter(pk=row.pk).update(state=state)
        with pytest.raises(Refused, match=f"#{row.pk}"):
            releases.deploy(world.actor, world.place, world.v1)


def test_the_click_of_the_switch_is_the_switch(world: World) -> None:
    row = held(begun(world, strategy="blue-green"), "switch", 1)
    steering.proceed(world.actor, row)
    assert (row.hold, row.switch, row.passed) == ("", "switching", -1)
    with pytest.raises(Refused, match="traffic is switched"):
        steering.cancel(world.actor, row)


def test_no_click_switches_in_a_freeze_that_began_while_it_waited(
    world: World, enqueued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = held(begun(world, strategy="blue-green"), "switch", 1)
    monkeypatch.setattr(holds, "FREEZES", [lambda _row: holds.Freeze("market hours")])
    with pytest.raises(Refused, match="frozen: market hours"):
        steering.proceed(world.actor, row)
    row.refresh_from_db()
    assert (row.hold, row.switch) == ("switch", "")
    monkeypatch.setattr(holds, "FREEZES", [])
    steering.proceed(world.actor, row)
    assert row.switch == "switching"


def test_an_instance_is_left_out_with_a_reason(world: World) -> None:
    row = begun(world)
    step = row.steps.last()
    assert step is not None
    with pytest.raises(Refused, match="Say why"):
        steering.skip(world.actor, step, " ")
    steering.skip(world.actor, step, "its disk is bad")
    step.refresh_from_db()
    assert (step.state, step.asked_by, step.asked_why) == ("skipped", "tester", "its disk is bad")
    assert Event.objects.get(action="deployment.skip").after == {"number": step.instance.number}
    with pytest.raises(Refused, match="through already"):
        steering.skip(world.actor, step, "again")


def test_a_failed_one_is_left_out_and_the_release_that_rested_for_it_goes_on(world: World) -> None:
    row = begun(world, on_failure="hold")
    step = row.steps.all()[0]
    Step.objects.filter(pk=step.pk).update(state="failed", times={"stop": [1, 2]})
    held(row, "failed", -1, state="paused")
    with pytest.raises(Refused, match="try it again"):
        steering.resume(world.actor, row)
    steering.skip(world.actor, step, "later")
    step.refresh_from_db()
    row.refresh_from_db()
    assert (step.state, step.asked, row.asked) == ("failed", "skip", "resume")


def test_a_failed_one_is_tried_again_once_a_click(world: World) -> None:
    row = begun(world, on_failure="hold")
    first, second = row.steps.all()[:2]
    Step.objects.filter(pk__in=[first.pk, second.pk]).update(state="failed", times={"stop": [1, 2]}, attempts=3)
    held(row, "failed", -1, state="paused")
    steering.retry(world.actor, first, "the network is back")
    row.refresh_from_db()
    assert row.asked == ""  # the other one is still to be seen to
    with pytest.raises(Refused, match="nothing to try again"):
        steering.retry(world.actor, first)
    steering.retry(world.actor, second)
    first.refresh_from_db()
    row.refresh_from_db()
    assert (first.state, first.tries, first.attempts, row.asked) == ("waiting", 1, 0, "resume")


def test_one_that_could_not_be_brought_back_is_seen_to_by_somebody(world: World) -> None:
    row = begun(world, on_failure="hold")
    step = row.steps.all()[0]
    Step.objects.filter(pk=step.pk).update(state="undo_fail", asked="skip", times={"stop": [1, 2]}, reason="away")
    held(row, "failed", -1, state="paused")
    with pytest.raises(Refused, match="try it again"):
        steering.resume(world.actor, row)
    steering.retry(world.actor, step)  # to bring it back
    step.refresh_from_db()
    row.refresh_from_db()
    assert (step.state, step.asked, step.tries, row.asked) == ("failed", "skip", 1, "resume")
    Step.objects.filter(pk=step.pk).update(state="undo_fail")
    Deployment.objects.filter(pk=row.pk).update(asked="")
    steering.skip(world.actor, step, "its host is gone for good")
    step.refresh_from_db()
    row.refresh_from_db()
    assert (step.state, step.asked, row.asked) == ("undo_fail", "left", "resume")


def test_a_click_in_the_moment_of_the_rest_leaves_no_rest_without_a_failure(world: World) -> None:
    """The runner has seen the failed step, somebody retries it, and only then the runner writes «paused»."""
    row = begun(world, on_failure="hold")
    step = row.steps.all()[0]
    Step.objects.filter(pk=step.pk).update(state="failed", times={"stop": [1, 2]})
    lease = leases.take(row.pk)
    assert lease is not None
    runner = Runner(row.pk, lease)
    row.refresh_from_db()
    steering.retry(world.actor, step)
    runner.rows.become(row, "paused", clear=False, hold="failed")
    row.refresh_from_db()
    assert (row.state, row.hold) == ("running", "")
    Step.objects.filter(pk=step.pk).update(state="failed")
    runner.rows.become(row, "paused", clear=False, hold="failed")
    row.refresh_from_db()
    assert (row.state, row.hold) == ("paused", "failed")


def test_a_release_does_not_succeed_in_the_moment_in_which_its_last_hook_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps were looked at before that, and a click may come before anybody has looked again."""
    row = begun(world, on_failure="hold")
    lease = leases.take(row.pk)
    assert lease is not None
    runner = Runner(row.pk, lease)
    answers, goes = [False, True], threading.Event()
    monkeypatch.setattr(closing, "due", lambda *_: True)
    monkeypatch.setattr(closing, "run", lambda *_: goes.wait(20) and answers.pop(0))
    for ends in (False, True):
        goes.clear()
        assert not runner._closed(row, "succeeded")
        goes.set()
        wait([runner.closing["succeeded"]], 20)
        assert runner._closed(row, "succeeded") is ends
    assert answers == []
    runner.stop()


@pytest.mark.parametrize("click", ["retry", "skip"])
def test_with_a_step_its_releases_failed_hooks_are_tried_again(world: World, click: str) -> None:
    row = begun(world, on_failure="hold")
    step = row.steps.all()[0]
    Step.objects.filter(pk=step.pk).update(state="failed", times={"stop": [1, 2]})
    held(row, "failed", -1, state="paused")
    runs = [
        HookRun.objects.create(
            place=world.place, deployment=row, slot=f"s{n}", point="release.before", name="h", kind="http", state=state
        )
        for n, state in enumerate(("failed", "succeeded", "passed"))
    ]
    getattr(steering, click)(world.actor, step, "once more")
    for run in runs:
        run.refresh_from_db()
    assert [run.state for run in runs] == ["running", "succeeded", "passed"]


def test_a_freeze_that_cannot_be_told_holds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = begun(world)

    def broken(_row: Deployment) -> holds.Freeze | None:
        raise ZeroDivisionError("no calendar")

    monkeypatch.setattr(holds, "FREEZES", [lambda _row: None, broken])
    found = holds.freeze(row)
    assert found is not None
    assert "no calendar" in found.why
    assert found.until is None


def test_what_only_a_click_lets_go_on_is_not_looked_at_again_and_again(world: World, enqueued: Any) -> None:
    row = held(begun(world, **CANARY), "canary")
    assert tasks.resume() == 0
    held(row, "canary", hold_until=timezone.now() + timedelta(minutes=5))
    assert tasks.resume() == 0
    held(row, "canary", hold_until=timezone.now() - timedelta(seconds=1))
    assert tasks.resume() == 1
    held(row, "freeze", hold_until=None)
    assert tasks.resume() == 1


def test_a_gate_that_cannot_judge_holds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = begun(world)

    def broken(row: Deployment, batch: int) -> holds.Verdict:
        raise ZeroDivisionError("no samples")

    monkeypatch.setattr(holds, "GATES", [broken, lambda row, batch: holds.Verdict("continue")])
    found = holds.gate(row, 0)
    assert found.state == "hold"
    assert "no samples" in found.why
    monkeypatch.setattr(holds, "GATES", [broken, lambda row, batch: holds.Verdict("roll back", "5xx 3 % > 1 %")])
    assert holds.gate(row, 0) == holds.Verdict("roll back", "5xx 3 % > 1 %")
