"""The way forward of a release that goes batch by batch: rolling, and canary, which holds after its first ones."""

from __future__ import annotations

from collections.abc import Sequence

from containers.rollout.gates import begun, frozen, judged, rested, through
from containers.rollout.views import (
    HALTING,
    IN_WORK,
    SETTLED,
    Action,
    Become,
    Finish,
    Halt,
    Pull,
    Run,
    Skip,
    StepView,
    Undo,
    View,
)


def forward(view: View, ordered: Sequence[StepView], now: float) -> list[Action]:
    going_on = under_way(ordered)
    if has_failed(view, ordered):
        return failed(view, ordered, going_on)
    if any(step.state == "waiting" for step in ordered):
        return begin(view, ordered, now)
    return going_on or judged(view, through(view, ordered), now) or [ended(ordered)]


def ended(steps: Sequence[StepView]) -> Finish:
    """The end of what came through; somebody may have left every single one out."""
    nothing = bool(steps) and not any(step.state == "done" for step in steps)
    return Finish("cancelled" if nothing else "succeeded")


def begin(view: View, ordered: Sequence[StepView], now: float) -> list[Action]:
    """Goes on with what is under way, and begins what there is room for. Somebody waits."""
    going_on = under_way(ordered)
    ahead = pulls(view, ordered, now)
    if ahead:
        return ahead
    waiting = [step for step in ordered if step.state == "waiting"]
    again = [step for step in waiting if step.touched]  # out of service already: tried once more, before all others
    batch = min(step.batch for step in waiting)
    if any(step.batch < batch for step in ordered if is_busy(step)):
        return going_on  # the batch before is not through its gate
    if not begun(ordered, batch):
        last = through(view, ordered, batch)
        held = judged(view, last, now) or frozen(view, last, now) or rested(view, last, now)
        if held:
            return [*going_on, *held]
    out = sum(is_busy(step) or step.lost for step in ordered) + len(again)
    room = max(0, view.size - out)
    fresh = [step for step in waiting if step.batch == batch and not step.touched]
    if fresh and not room and not again and not going_on:
        return [Become("paused", hold="failed")]  # what could not be brought back takes all the room there is
    return [*going_on, *(Run(step.pk) for step in [*again, *fresh[:room]])]


def pulls(view: View, steps: Sequence[StepView], now: float) -> list[Action]:
    """Ahead on all hosts, before anything is stopped. It is work on hosts, so in a freeze none is begun: those under way end."""
    behind = [host for host, state in view.pulls.items() if state != "done"]
    if not behind or any(step.touched or step.state in SETTLED - {"skipped"} for step in steps):
        return []
    if held := frozen(view, -1, now):
        return [Pull(host) for host in behind if view.pulls[host] == "pulling"] or held
    return [Pull(host) for host in behind]


def is_busy(step: StepView) -> bool:
    return step.state in IN_WORK or step.state in {"undoing", HALTING} or step.leaving


def under_way(steps: Sequence[StepView]) -> list[Action]:
    """What is gone on with whatever else is decided."""
    actions: list[Action] = [Run(step.pk) for step in steps if step.state in IN_WORK]
    actions += [Halt(step.pk) for step in steps if step.state == HALTING]
    return actions + [Undo(step.pk) for step in steps if step.state == "undoing" or step.leaving]


def has_failed(view: View, steps: Sequence[StepView]) -> bool:
    return "failed" in view.pulls.values() or any(step.state == "failed" and not step.leaving for step in steps)


def failed(view: View, steps: Sequence[StepView], going_on: list[Action]) -> list[Action]:
    """Something failed: nothing new is begun; then back, an end, or a rest, as the policy says."""
    waiting = [step for step in steps if step.state == "waiting"]
    if view.on_failure == "rollback" and any(step.touched for step in steps):
        return [Become("rolling_back")]
    if view.on_failure == "hold" and any(step.state == "failed" for step in steps):
        return going_on or [Become("paused", hold="failed")]
    if waiting or going_on:
        return [*(Skip(step.pk) for step in waiting), *going_on]
    return [Finish("failed")]
