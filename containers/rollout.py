"""What a deployment does next: a pure function of what is stored and observed. Everything else only carries it out.

The promise: at most `size` instances are out of service because of us at any moment, and the release always comes to an
end, whatever is clicked and whatever breaks, because every step in work ends by its own deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

State = Literal["queued", "running", "paused", "rolling_back", "succeeded", "failed", "rolled_back", "cancelled"]
ACTIVE = frozenset({"queued", "running", "paused", "rolling_back"})
IN_WORK = frozenset({"stopping", "creating", "starting"})
SETTLED = frozenset({"done", "failed", "skipped", "undone", "undo_fail"})
# What may be asked, and what may take the place of a wish that is not taken up yet: only one as strong or stronger.
STRENGTH = {"": 0, "pause": 1, "resume": 1, "cancel": 2, "rollback": 3}


@dataclass(frozen=True)
class View:
    """A deployment. `pulls`: {host: waiting | pulling | done | failed}; `rest_until`: end of the pause between batches."""

    state: str
    asked: str = ""
    size: int = 1
    pause: float = 0
    on_failure: str = "rollback"
    pulls: dict[int, str] = field(default_factory=dict)
    rest_until: float | None = None
    held_until: float | None = None  # a freeze: the batch under way is finished, none is begun before then


@dataclass(frozen=True)
class StepView:
    """One instance's step. `touched`: something was done to it, so that a rollback has something to bring back."""

    pk: int
    host: int
    batch: int
    position: int
    state: str = "waiting"
    touched: bool = False


@dataclass(frozen=True)
class Become:
    """Take a wish up (or leave the queue): the deployment's next state."""

    state: str
    clear_asked: bool = False


@dataclass(frozen=True)
class Pull:
    host: int


@dataclass(frozen=True)
class Run:
    """Begin the step, or go on with it where a dead process left it."""

    step: int


@dataclass(frozen=True)
class Undo:
    """Bring the instance back; a step in work is broken off for it."""

    step: int


@dataclass(frozen=True)
class Skip:
    step: int


@dataclass(frozen=True)
class Rest:
    """Note that the next batch begins no earlier than then."""

    until: float


@dataclass(frozen=True)
class Wait:
    """Nothing to begin now. `until`: look again then (None: when something happens)."""

    until: float | None = None


@dataclass(frozen=True)
class Finish:
    state: str


Action = Become | Pull | Run | Undo | Skip | Rest | Wait | Finish


def decide(view: View, steps: Sequence[StepView], now: float) -> list[Action]:
    """The next actions; they may all be begun side by side. An ended deployment has none."""
    if view.state not in ACTIVE:
        return []
    if view.asked == "cancel" and view.state != "rolling_back":
        return _cancelled(steps)  # the wish stays noted until the end
    if view.asked:
        return [_take_up(view)]
    if view.state == "queued":
        return [Become("running")]
    if view.state == "rolling_back":
        return _back(view, steps)
    ordered = sorted(steps, key=lambda step: step.position)
    working = [step for step in ordered if step.state in IN_WORK]
    going_on: list[Action] = [Run(step.pk) for step in working]
    if view.state == "paused":
        return going_on or [Wait()]
    return _forward(view, ordered, working, going_on, now)


def _take_up(view: View) -> Action:
    if view.state == "rolling_back":
        return Become("rolling_back", clear_asked=True)  # on its way back already: nothing else can be asked
    if view.asked == "rollback":
        return Become("rolling_back", clear_asked=True)
    if view.asked == "pause":
        return Become("paused", clear_asked=True)
    return Become("running", clear_asked=True)


def _cancelled(steps: Sequence[StepView]) -> list[Action]:
    """What a cancelled release still does: finish what is in work, leave the rest as it is, end."""
    working = [step for step in steps if step.state in IN_WORK]
    waiting = [step for step in steps if step.state == "waiting"]
    if working or waiting:
        return [*(Skip(step.pk) for step in waiting), *(Run(step.pk) for step in working)]
    return [Finish("cancelled")]


def _forward(
    view: View, ordered: list[StepView], working: list[StepView], going_on: list[Action], now: float
) -> list[Action]:
    failed = [step for step in ordered if step.state == "failed"]
    waiting = [step for step in ordered if step.state == "waiting"]
    if failed or "failed" in view.pulls.values():
        return _failed(view, ordered, waiting, going_on)
    if not waiting:
        return going_on or [Finish("succeeded")]
    if _held(view, ordered, waiting[0].batch, now):
        return [*going_on, Wait(view.held_until)]
    behind = [host for host, state in view.pulls.items() if state != "done"]
    if behind and not any(step.touched or step.state in SETTLED for step in ordered):
        return [Pull(host) for host in behind]  # ahead on all hosts, before anything is stopped
    batch = waiting[0].batch
    if any(step.batch < batch for step in working):
        return going_on  # the batch before is not through its gate
    begun = any(step.batch == batch and step.state != "waiting" for step in ordered)
    first = all(step.state == "waiting" for step in ordered)
    if view.pause and not begun and not first:
        if view.rest_until is None:
            return [*going_on, Rest(now + view.pause)]
        if now < view.rest_until:
            return [*going_on, Wait(view.rest_until)]
    room = max(0, view.size - len(working))
    return [*going_on, *(Run(step.pk) for step in waiting if step.batch == batch)][: len(going_on) + room]


def _held(view: View, steps: Sequence[StepView], batch: int, now: float) -> bool:
    """Whether a freeze keeps this batch from being begun."""
    begun = any(step.batch == batch and step.state != "waiting" for step in steps)
    return not begun and view.held_until is not None and now < view.held_until


def _failed(view: View, ordered: list[StepView], waiting: list[StepView], going_on: list[Action]) -> list[Action]:
    """Something failed: nothing new is begun; then back, or an end, as the policy says."""
    if view.on_failure == "rollback" and any(step.touched for step in ordered):
        return [Become("rolling_back")]
    if waiting or going_on:
        return [*(Skip(step.pk) for step in waiting), *going_on]
    return [Finish("failed")]


def _back(view: View, steps: Sequence[StepView]) -> list[Action]:
    """The way back: first what is out of service anyway, then what was done, never more than `size` at a time."""
    waiting = [step for step in steps if step.state == "waiting"]
    if waiting:
        return [Skip(step.pk) for step in waiting]
    undoing = [step for step in steps if step.state == "undoing"]
    broken = [step for step in steps if step.state in IN_WORK or step.state == "failed"]
    done = sorted((s for s in steps if s.state == "done"), key=lambda step: -step.position)
    untouched = [step for step in broken if not step.touched and step.state == "failed"]
    if untouched:
        return [Skip(step.pk) for step in untouched]
    room = max(0, view.size - len(undoing))
    actions: list[Action] = [Undo(step.pk) for step in undoing]
    actions += [Undo(step.pk) for step in broken[:room]]
    room -= len(broken[:room])
    if len(broken) <= max(0, view.size - len(undoing)):
        actions += [Undo(step.pk) for step in done[:room]]
    if actions:
        return actions
    bad = any(step.state == "undo_fail" for step in steps)
    return [Finish("failed" if bad else "rolled_back")]
