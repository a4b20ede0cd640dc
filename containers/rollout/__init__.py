"""What a deployment does next: a pure function of what is stored and observed. Everything else only carries it out.

The promise: at most `size` instances are out of service because of us at any moment (recreate: all of them, but old and new
never side by side; blue/green: none), and the release always comes to an end, whatever is clicked and whatever breaks,
because every step in work ends by its own deadline.
"""

from __future__ import annotations

from collections.abc import Sequence

from containers.rollout import bluegreen, recreate
from containers.rollout import forward as batches
from containers.rollout.back import back, cancelled
from containers.rollout.gates import at_gate
from containers.rollout.views import (
    ACTIVE,
    HALTED,
    HALTING,
    IN_WORK,
    SETTLED,
    STRENGTH,
    Action,
    Become,
    Finish,
    Halt,
    Hold,
    Noted,
    Pull,
    Rest,
    Run,
    Skip,
    StepView,
    Switch,
    Undo,
    View,
    Wait,
)

__all__ = [
    "ACTIVE",
    "HALTED",
    "HALTING",
    "IN_WORK",
    "SETTLED",
    "STRENGTH",
    "Action",
    "Become",
    "Finish",
    "Halt",
    "Hold",
    "Noted",
    "Pull",
    "Rest",
    "Run",
    "Skip",
    "StepView",
    "Switch",
    "Undo",
    "View",
    "Wait",
    "at_gate",
    "decide",
]


def decide(view: View, steps: Sequence[StepView], now: float) -> list[Action]:
    """The next actions; they may all be begun side by side. An ended deployment has none."""
    if view.state not in ACTIVE:
        return []
    ordered = sorted(steps, key=lambda step: step.position)
    if view.asked == "cancel" and view.state != "rolling_back":
        return _cancelled(view, ordered)  # the wish stays noted until the end
    if view.asked:
        return [_take_up(view)]
    if view.state == "queued":
        return [Become("running")]
    if view.state == "rolling_back":
        return _back(view, ordered)
    if view.state == "paused" and not _all_or_nothing(view, ordered):
        return batches.under_way(ordered) or [Wait()]
    return _forward(view, ordered, now)


def _take_up(view: View) -> Action:
    if view.state == "rolling_back":
        return Become("rolling_back", clear_asked=True)  # on its way back already: nothing else can be asked
    if view.asked == "rollback":
        return Become("rolling_back", clear_asked=True)
    if view.asked == "pause":
        return Become("paused", clear_asked=True)
    return Become("running", clear_asked=True)


def _all_or_nothing(view: View, steps: Sequence[StepView]) -> bool:
    """A recreate that has begun is not paused while all are stopped: what is under way is all of it."""
    if view.strategy != "recreate" or not recreate.has_begun(steps):
        return False
    busy = any(step.state in IN_WORK or step.state in {"waiting", HALTED, HALTING} for step in steps)
    return busy and not batches.has_failed(view, steps)


def _forward(view: View, ordered: Sequence[StepView], now: float) -> list[Action]:
    if view.strategy == "recreate":
        return recreate.forward(view, ordered, now)
    if view.strategy == "blue-green":
        return bluegreen.forward(view, ordered, now)
    return batches.forward(view, ordered, now)


def _back(view: View, ordered: Sequence[StepView]) -> list[Action]:
    if view.strategy == "recreate":
        return recreate.back(ordered)
    if view.strategy == "blue-green":
        return bluegreen.back(view, ordered)
    return back(view, ordered)


def _cancelled(view: View, ordered: Sequence[StepView]) -> list[Action]:
    if view.strategy == "recreate":
        return recreate.cancelled(ordered)
    if view.strategy == "blue-green":
        return bluegreen.cancelled(view)
    return cancelled(ordered)
