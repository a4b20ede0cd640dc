"""A freeze that begins while a release runs: the batch is finished, then it rests, then it goes on. Pure, and on rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import assume, given
from hypothesis import strategies as st

from containers import holds, rollout
from containers.guardrails import glass, holding
from containers.guardrails.glass import Glass
from containers.models import Calendar, Deployment, Freeze
from containers.rollout import Hold, Pull, Run, StepView, View
from containers.services import releases
from tests.guardrails.conftest import Stage
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Denied, Refused

STEPS = [StepView(pk, 1, batch, pk, "waiting") for pk, batch in ((1, 0), (2, 1), (3, 1), (4, 2))]


def states(*names: str) -> list[StepView]:
    return [
        replace(step, state=name, touched=name not in {"waiting", "skipped"})
        for step, name in zip(STEPS, names, strict=True)
    ]


def test_the_batch_under_way_is_finished_and_none_is_begun() -> None:
    view = View("running", size=2, pulls={1: "done"}, held_until=100.0, held_why="IPO")
    assert rollout.decide(view, states("done", "starting", "waiting", "waiting"), 50) == [Run(2), Run(3)]
    assert rollout.decide(view, states("done", "done", "done", "waiting"), 50) == [Hold("freeze", 1, 100.0)]
    assert rollout.decide(view, states("done", "done", "done", "waiting"), 100) == [Run(4)]
    withdrawn = replace(view, held_until=None, held_by="approval")
    assert rollout.decide(withdrawn, states("done", "done", "done", "waiting"), 50) == [Hold("approval", 1)]


@pytest.mark.parametrize("strategy", ["rolling", "canary", "recreate", "blue-green"])
def test_no_image_is_fetched_in_a_freeze_but_what_is_under_way_ends(strategy: str) -> None:
    """Fetching is work on the hosts, too: theirs are the machines that the freeze protects."""
    view = View(
        "running", size=2, strategy=strategy, pulls={1: "waiting", 2: "pulling"}, held_until=100.0, held_why="IPO"
    )
    steps = [replace(step, side="new") for step in states(*["waiting"] * 4)]
    assert rollout.decide(view, steps, 50) == [Pull(2)]
    view = replace(view, pulls={1: "waiting", 2: "done"})
    assert rollout.decide(view, steps, 50) == [Hold("freeze", -1, 100.0)]
    assert rollout.decide(view, steps, 100) == [Pull(1)]


@given(
    st.lists(st.sampled_from(["done", "starting", "creating", "failed", "waiting", "skipped"]), min_size=4, max_size=4),
    st.sampled_from(["running", "rolling_back", "paused"]),
    st.sampled_from(["", "pause", "cancel", "rollback"]),
)
def test_a_freeze_holds_no_way_back_no_end_and_no_click(names: list[str], state: str, asked: str) -> None:
    """Held and free differ in nothing but in steps of a batch that has not begun."""
    steps = states(*names)
    first = min((step.batch for step in steps if step.state == "waiting"), default=9)
    assume(all(step.state in {"waiting", "skipped"} for step in steps if step.batch > first))
    view = View(state, asked, size=2, pulls={1: "done"})
    free = rollout.decide(view, steps, 50)
    held = rollout.decide(replace(view, held_until=100.0, held_why="IPO"), steps, 50)
    begun = {step.batch for step in steps if step.state not in {"waiting", "skipped"}}
    batch = {step.pk: step.batch for step in steps}
    new = [one for one in free if isinstance(one, Run) and batch[one.step] not in begun]
    if not new:
        assert [one for one in held if not isinstance(one, Hold)] == [one for one in free if not isinstance(one, Hold)]
    assert not any(isinstance(one, Run) and batch[one.step] not in begun for one in held)


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
    found = holding.frozen_for(release, at())
    assert found is not None
    assert found.why == "quarter's end"
    assert holding.frozen_for(release, at(31)) is None  # the clock jumped over it
    assert holding.frozen_for(release, at(-10)) is None  # and back before it


def test_go_on_is_for_what_has_begun(stage: Stage, release: Deployment) -> None:
    freeze(stage)
    stage.rule(proof=True, when_frozen="go_on")
    assert holding.frozen_for(release, at()) is not None  # none of it was touched
    step = release.steps.order_by("position")[0]
    step.state = "done"
    step.save()
    assert holding.frozen_for(release, at()) is None
    stage.rule(proof=True, when_frozen="hold")
    assert holding.frozen_for(release, at()) is not None


def test_other_changes_are_not_held(stage: Stage) -> None:
    freeze(stage)
    row = releases.restart(stage.actor, stage.place)
    assert holding.frozen_for(row, at()) is None


def test_who_advances_it_asks(stage: Stage, release: Deployment) -> None:
    assert holds.freeze(release) is None
    window = freeze(stage)
    found = holds.freeze(release)
    assert found is not None
    assert window.ends is not None
    assert (found.why, found.until) == ("quarter's end", window.ends.timestamp())
    window.delete()
    assert holds.freeze(release) is None


def test_what_nobody_can_know_holds_without_an_end(stage: Stage, release: Deployment) -> None:
    calendar = Calendar.objects.create(slug="xshg", title="Shanghai", market="XSHG")
    Freeze.objects.create(environment=stage.place.environment, kind="market", calendar=calendar)
    found = holds.freeze(release)
    assert found is not None
    assert found.until is None
    assert "has no data yet" in found.why


def held(release: Deployment, window: Freeze) -> None:
    """As whoever advances it notes it."""
    Deployment.objects.filter(pk=release.pk).update(
        state="running", hold="freeze", held_until=window.ends, held_why="quarter's end"
    )


def test_an_sre_goes_on_in_spite_of_it(stage: Stage, release: Deployment, actor_sre: Actor, actor_dev: Actor) -> None:
    window = freeze(stage)
    why = Glass("prices are wrong", "snow")
    with pytest.raises(Refused, match="Nothing holds"):
        glass.go_on(actor_sre, release, why)
    held(release, window)
    with pytest.raises(Denied):
        glass.go_on(actor_dev, release, why)
    mark = glass.go_on(actor_sre, release, why)
    assert "quarter's end" in mark.overridden[0]
    assert holding.frozen_for(release, at()) is None


def test_the_release_page_says_until_when_and_why(stage: Stage, release: Deployment, sre: Any, client: Any) -> None:
    window = freeze(stage)
    held(release, window)
    client.force_login(sre)
    page = client.get(f"/releases/{release.pk}/").content.decode()
    assert "This release is held by a freeze until" in page
    assert "quarter&#x27;s end" in page
    answer = client.post(f"/releases/{release.pk}/go-on/", {"glass_reason": "now", "glass_name": "snow"})
    assert answer.status_code == 302
    assert release.glass.get().reason == "now"
