"""Blue/green: new instances beside the old ones, the switch, the old ones kept for a time, then gone.

Until the switch nothing of the old side is touched; on the way back the new side is touched only when the old one stands
and has the traffic again.
"""

from __future__ import annotations

from collections.abc import Sequence

from containers.rollout.back import ended
from containers.rollout.forward import begin, has_failed, under_way
from containers.rollout.gates import AFTER_HOLD, frozen, hold, judged, note
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
    Switch,
    Undo,
    View,
)


def sides(steps: Sequence[StepView]) -> tuple[list[StepView], list[StepView]]:
    """The new ones, the old ones."""
    return [step for step in steps if step.side != "old"], [step for step in steps if step.side == "old"]


def forward(view: View, ordered: Sequence[StepView], now: float) -> list[Action]:
    new, old = sides(ordered)
    if view.switch == "switched":
        return _after(view, old, now)
    going_on = under_way(new)
    if has_failed(view, new):
        return _failed(view, ordered, going_on)
    if any(step.state == "waiting" for step in new):
        return begin(view, new, now)
    if going_on:
        return going_on
    through = max((step.batch for step in new), default=-1)
    if view.switch == "failed":
        return [Become("rolling_back") if view.on_failure == "rollback" else Become("paused", hold="switch_failed")]
    if view.switch == "switching":
        return [Switch("new")]
    return judged(view, through, now) or frozen(view, through, now) or _switch(view, "new", through)


def _switch(view: View, to: str, through: int) -> list[Action]:
    """Somebody's click, where it takes one, sets `switching` or `switching_back`: then it is carried out."""
    if view.switch_by == "click" and view.switch != "switching_back":
        return note(view, "switch" if to == "new" else "switch_back", through)
    return [Switch(to)]


def _failed(view: View, steps: Sequence[StepView], going_on: list[Action]) -> list[Action]:
    """Nothing serves from the new side yet, so it is left beside the old one only while somebody looks at it."""
    if not any(step.touched or step.state == "failed" for step in steps):
        skip: list[Action] = [Skip(step.pk) for step in steps if step.state == "waiting"]
        return skip or [Finish("failed")]  # it could not even be pulled
    if view.on_failure == "rollback":
        return [Become("rolling_back")]
    return going_on or [Become("paused", hold="failed")]


def _after(view: View, old: Sequence[StepView], now: float) -> list[Action]:
    """The traffic is on the new side. What of the old one cannot be stopped or removed ends nothing."""
    going_on = under_way(old)
    if going_on:
        return going_on
    waiting = [step for step in old if step.state in {"waiting", HALTED}]
    if not waiting:
        return [Finish("succeeded")]
    if not any(step.state == "done" for step in old):
        batch = max(step.batch for step in old)
        if view.gate == "roll back" and batch > view.passed:
            return [Become("rolling_back")]
        waits = _halted(view, waiting) or _kept(view, batch, now) or judged(view, batch, now)
        if waits:
            return waits
    return [Run(step.pk) for step in waiting]


def _halted(view: View, waiting: Sequence[StepView]) -> list[Action]:
    if view.keep_running or not view.keep:
        return []
    return [Halt(step.pk) for step in waiting if step.state == "waiting" and not step.touched]


def _kept(view: View, batch: int, now: float) -> list[Action]:
    """First the time for a way back, then what a gate says."""
    over = view.noted is not None and view.noted.batch == batch and view.noted.kind in AFTER_HOLD
    if not view.keep or batch <= view.passed or over:
        return []
    return hold(view, "keep", batch, view.keep, now)


def back(view: View, ordered: Sequence[StepView]) -> list[Action]:
    new, old = sides(ordered)
    if view.switch == "":
        return _undo_new(new) or _rest(old) or [ended(ordered)]
    if view.switch != "back":
        first = _rest(old) or _old_again(old)
        if first:
            return first
        if view.switch == "back_fail" or any(step.state == "undo_fail" for step in old):
            return [Skip(s.pk) for s in new if s.state == "waiting"] or [Finish("failed")]
        return _switch(view, "old", max((step.batch for step in ordered), default=-1))
    return _undo_new(new) or [ended(ordered)]


def _rest(old: Sequence[StepView]) -> list[Action]:
    return [Skip(step.pk) for step in old if step.state in {"waiting", "failed"} and not step.touched]


def _old_again(old: Sequence[StepView]) -> list[Action]:
    """All of them serve again, side by side with the new ones, before the traffic comes back to them."""
    gone = IN_WORK | {"undoing", "done", "failed", "waiting", HALTING, HALTED}
    return [Undo(step.pk) for step in old if step.state in gone]


def _undo_new(new: Sequence[StepView]) -> list[Action]:
    skip: list[Action] = [Skip(s.pk) for s in new if s.state in {"waiting", "failed"} and not s.touched]
    there = IN_WORK | {"undoing", "done", "failed", "waiting"}
    return skip or [Undo(step.pk) for step in new if step.state in there]


def cancelled(view: View) -> list[Action]:
    """Before the switch the new side goes again; after it only back or on is left, so the click is let go."""
    if view.switch == "":
        return [Become("rolling_back", clear_asked=True)]
    return [Become(view.state, clear_asked=True)]
