"""The way back, and the end of a cancelled release, of what goes batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

from containers.rollout.forward import is_busy, under_way
from containers.rollout.views import Action, Finish, Run, Skip, StepView, Undo, View


def back(view: View, steps: Sequence[StepView]) -> list[Action]:
    """First what is out of service anyway, then what was done, never more than `size` at a time."""
    skip = untouched(steps)
    if skip:
        return skip
    undoing = [step for step in steps if step.state == "undoing"]
    done = sorted((s for s in steps if s.state == "done"), key=lambda step: -step.position)
    broken = [s for s in steps if s.state == "failed" or s.state == "waiting" or (is_busy(s) and s not in undoing)]
    room = max(0, view.size - len(undoing))
    order = broken if len(broken) >= room else [*broken, *done]
    actions = [*undoing, *order[:room]]
    return [Undo(step.pk) for step in actions] or [ended(steps)]


def untouched(steps: Sequence[StepView]) -> list[Action]:
    """What nothing was done to needs no way back."""
    return [Skip(step.pk) for step in steps if step.state in {"waiting", "failed"} and not step.touched]


def ended(steps: Sequence[StepView]) -> Finish:
    return Finish("failed" if any(step.state == "undo_fail" for step in steps) else "rolled_back")


def cancelled(steps: Sequence[StepView]) -> list[Action]:
    """What a cancelled release still does: finish what is in work, leave the rest as it is, end."""
    waiting = [step for step in steps if step.state == "waiting"]
    going_on = under_way(steps)
    going_on += [Run(step.pk) for step in waiting if step.touched]
    return [*(Skip(step.pk) for step in waiting if not step.touched), *going_on] or [Finish("cancelled")]
