"""A freeze that begins while a release runs: the batch is finished, then it rests, then it goes on. Pure, and on rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers import rollout
from containers.guardrails import glass, holding
from containers.guardrails.glass import Glass
from containers.models import Deployment, Freeze
from containers.rollout import Run, StepView, View, Wait
from containers.services import releases
from containers.tasks import resume
from tests.guardrails.conftest import Stage
from tests.queue import Queue
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Denied, Refused

STEPS = [StepView(pk, 1, batch, pk, "waiting") for pk, batch in ((1, 0), (2, 1), (3, 1), (4, 2))]


def states(*names: str) -> list[StepView]:
    return [replace(step, state=name, touched=name != "waiting") for step, name in zip(STEPS, names, strict=True)]


def test_the_batch_under_way_is_finished_and_none_is_begun() -> None:
    view = View("running", size=2, pulls={1: "done"}, held_until=100.0)
    assert rollout.decide(view, states("done", "starting", "waiting", "waiting"), 50) == [Run(2), Run(3)]
    assert rollout.decide(view, states("done", "done", "done", "waiting"), 50) == [Wait(100.0)]
    assert rollout.decide(view, states("done", "done", "starting", "waiting"), 50) == [Run(3), Wait(100.0)]
    assert rollout.decide(view, states("done", "done", "done", "waiting"), 100) == [Run(4)]


def test_one_that_has_not_begun_does_not_even_fetch() -> None:
    view = View("running", pulls={1: "waiting"}, held_until=100.0)
    assert rollout.decide(view, STEPS, 50) == [Wait(100.0)]


@given(
    st.lists(st.sampled_from(["done", "starting", "creating", "failed", "waiting", "skipped"]), min_size=4, max_size=4),
    st.sampled_from(["running", "rolling_back", "paused"]),
    st.sampled_from(["", "pause", "cancel", "rollback"]),
)
def test_a_freeze_holds_no_way_back_no_end_and_no_click(names: list[str], state: str, asked: str) -> None:
    """Held and free differ in nothing but in steps of a batch that has not begun."""
    steps = states(*names)
    view = View(state, asked, size=2, pulls={1: "done"})
    free = rollout.decide(view, steps, 50)
    held = rollout.decide(replace(view, held_until=100.0), steps, 50)
    begun = {step.batch for step in steps if step.state != "waiting"}
    batch = {step.pk: step.batch for step in steps}
    new = [one for one in free if isinstance(one, Run) and batch[one.step] not in begun]
    if not new:
        assert held == free or held[-1] == Wait(100.0)
    assert not any(isinstance(one, Run) and batch[one.step] not in begun for one in held)
    if state == "rolling_back" or asked:
        assert held == free


# --- On rows ------------------------------------------------------------------------------------------------------


@pytest.fixture
def release(stage: Stage) -> Deployment:
    stage.ran(stage.before, stage.new, 2)
    return releases.deploy(stage.actor, stage.place, stage.new)


def freeze(stage: Stage, minutes: float = 30, begins: float = -1) -> Freeze:
    now = timezone.now()
    return Freeze.objects.create(
        environment=stage.place.environment,
        kind="once",
        reason="quarter's end",
        starts=now + timedelta(minutes=begins),
        ends=now + timedelta(minutes=minutes),
    )


def at(minutes: float = 0) -> float:
    return timezone.now().timestamp() + minutes * 60


def test_a_freeze_holds_it_and_a_clock_that_jumps_over_it_does_not(stage: Stage, release: Deployment) -> None:
    freeze(stage)
    found = holding.frozen_for(release, begun=True, at=at())
    assert found is not None
    assert found.why == "quarter's end"
    assert holding.frozen_for(release, begun=True, at=at(31)) is None  # the clock jumped over it
    assert holding.frozen_for(release, begun=True, at=at(-10)) is None  # and back before it


def test_go_on_is_for_what_has_begun(stage: Stage, release: Deployment) -> None:
    freeze(stage)
    stage.rule(proof=True, when_frozen="go_on")
    assert holding.frozen_for(release, begun=True, at=at()) is None
    assert holding.frozen_for(release, begun=False, at=at()) is not None


def test_other_changes_are_not_held(stage: Stage) -> None:
    freeze(stage)
    row = releases.restart(stage.actor, stage.place)
    assert holding.frozen_for(row, begun=False, at=at()) is None


def test_what_nobody_can_know_is_asked_again_soon(stage: Stage, release: Deployment) -> None:
    from containers.models import Calendar

    calendar = Calendar.objects.create(slug="xshg", title="Shanghai", market="XSHG")
    Freeze.objects.create(environment=stage.place.environment, kind="market", calendar=calendar)
    found = holding.frozen_for(release, begun=True, at=at())
    assert found is not None
    assert found.until is not None
    assert at() < found.until <= at(1.1)
    assert "has no data yet" in found.why


def test_the_sweep_leaves_a_held_release_alone_until_its_freeze_is_over_or_taken_away(
    stage: Stage, release: Deployment, enqueued: Queue
) -> None:
    window = freeze(stage)
    Deployment.objects.filter(pk=release.pk).update(state="running", held_until=window.ends, held_why="x")
    assert resume() == 0
    window.delete()
    assert resume() == 1


def test_an_sre_goes_on_in_spite_of_it(stage: Stage, release: Deployment, actor_sre: Actor, actor_dev: Actor) -> None:
    window = freeze(stage)
    why = Glass("prices are wrong", "snow")
    with pytest.raises(Refused, match="Nothing holds"):
        glass.go_on(actor_sre, release, why)
    Deployment.objects.filter(pk=release.pk).update(state="running", held_until=window.ends, held_why="quarter's end")
    with pytest.raises(Denied):
        glass.go_on(actor_dev, release, why)
    mark = glass.go_on(actor_sre, release, why)
    assert mark.overridden == ["quarter's end"]
    assert holding.frozen_for(release, begun=True, at=at()) is None


def test_the_release_page_says_until_when_and_why(stage: Stage, release: Deployment, sre: Any, client: Any) -> None:
    window = freeze(stage)
    Deployment.objects.filter(pk=release.pk).update(state="running", held_until=window.ends, held_why="quarter's end")
    client.force_login(sre)
    page = client.get(f"/releases/{release.pk}/").content.decode()
    assert "A freeze holds this release until" in page
    assert "quarter&#x27;s end" in page
    assert "held by a freeze until" in page
    answer = client.post(f"/releases/{release.pk}/go-on/", {"glass_reason": "now", "glass_name": "snow"})
    assert answer.status_code == 302
    assert release.glass.get().reason == "now"
