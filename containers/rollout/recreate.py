"""Recreate: all stop, then all start. Old and new never run side by side, on the way back neither."""

from __future__ import annotations

from collections.abc import Sequence

from containers.rollout.back import ended, untouched
from containers.rollout.forward import failed, has_failed, pulls, under_way
from containers.rollout.gates import frozen, judged
from containers.rollout.views import (
    HALTED,
    HALTING,
    IN_WORK,
    Action,
    Become,
    Finish,
    Halt,
    Run,
    Skip,
    StepView,
    Undo,
    View,
)


def forward(view: View, ordered: Sequence[StepView], now: float) -> list[Action]:
    if has_failed(view, ordered):
        return _failed(view, ordered)
    ahead = pulls(view, ordered, now)
    if ahead:
        return ahead
    if not has_begun(ordered) and any(step.state == "waiting" for step in ordered):
        held = frozen(view, -1, now)
        if held:
            return held
    if not starts(ordered):
        halting = [step for step in ordered if step.state in {"waiting", HALTING}]
        if halting:
            return [Halt(step.pk) for step in halting]
    going_on = [*under_way(ordered), *(Run(s.pk) for s in ordered if s.state in {"waiting", HALTED})]
    last = max((step.batch for step in ordered), default=-1)
    return going_on or judged(view, last, now) or [Finish("succeeded")]


def has_begun(steps: Sequence[StepView]) -> bool:
    """Nothing serves in part any more: there is no pause before all of it stands."""
    return any(step.touched for step in steps)


def starts(steps: Sequence[StepView]) -> bool:
    """Whether new ones have begun to start: from then on no old one may."""
    return any(step.state in IN_WORK or step.state == "done" for step in steps)


def _failed(view: View, steps: Sequence[StepView]) -> list[Action]:
    if view.on_failure == "rollback" and has_begun(steps):
        return [Become("rolling_back")]
    if not starts(steps) and view.on_failure == "stop" and has_begun(steps):
        return _leave(steps) or [Finish("failed")]
    more: list[Action] = [Run(s.pk) for s in steps if s.state == HALTED] if starts(steps) else []
    return failed(view, steps, [*under_way(steps), *more])


def _leave(steps: Sequence[StepView]) -> list[Action]:
    """Before anything new has started: those that were stopped serve again, as before."""
    actions: list[Action] = [Undo(s.pk) for s in steps if s.state in {HALTING, HALTED, "undoing"}]
    actions += [Undo(s.pk) for s in steps if s.state == "waiting" and s.touched]
    return actions + [Skip(s.pk) for s in steps if s.state == "waiting" and not s.touched]


def cancelled(steps: Sequence[StepView]) -> list[Action]:
    if not starts(steps):
        return _leave(steps) or [Finish("cancelled")]
    go = [Run(s.pk) for s in steps if s.state == HALTED or (s.state == "waiting" and s.touched)]
    skip = [Skip(s.pk) for s in steps if s.state == "waiting" and not s.touched]
    return [*under_way(steps), *go, *skip] or [Finish("cancelled")]


def back(steps: Sequence[StepView]) -> list[Action]:
    skip = untouched(steps)
    if skip:
        return skip
    new = [s for s in steps if s.state in IN_WORK or s.state in {"done", "failed", "waiting", HALTING}]
    if new:
        return [Halt(step.pk) for step in new]
    old = [step for step in steps if step.state in {HALTED, "undoing"}]
    return [Undo(step.pk) for step in old] or [ended(steps)]
