"""What lies between two batches: a canary's hold, the verdict of a gate, a freeze, the pause."""

from __future__ import annotations

from collections.abc import Sequence

from containers.rollout.views import HALTING, IN_WORK, Action, Become, Hold, Rest, StepView, View, Wait

BUSY = IN_WORK | {"undoing", HALTING}
AFTER_HOLD = frozenset({"measuring", "gate", "freeze", "approval"})  # noted only when the time of a hold is over


def at_gate(view: View, steps: Sequence[StepView]) -> int | None:
    """The batch that is through while nothing after it has begun; -1 before the first; None in the middle of one."""
    switched = view.switch == "switched"
    mine = [step for step in steps if (step.side == "old") == switched]
    if any(step.state in BUSY or step.state == "failed" for step in mine):
        return None
    if switched:  # the new ones have the traffic: the old ones are not removed before that is judged
        return max((step.batch for step in mine if step.state != "done"), default=None)
    waiting = [step.batch for step in mine if step.state == "waiting"]
    if waiting and begun(mine, min(waiting)):
        return None
    return through(view, mine, min(waiting, default=None))


def begun(steps: Sequence[StepView], batch: int) -> bool:
    """Whether something was done in the batch; what was left out beforehand does not count."""
    return any(step.batch == batch and (step.touched or step.state not in {"waiting", "skipped"}) for step in steps)


def through(view: View, steps: Sequence[StepView], before: int | None = None) -> int:
    """The last batch before that one (None: the end). As long as nothing after a canary was touched, it is the canary's."""
    last = max((step.batch for step in steps if before is None or step.batch < before), default=-1)
    after = view.hold_after
    if view.strategy != "canary" or after is None or last <= after:
        return last
    return last if any(step.touched for step in steps if step.batch > after) else after


def judged(view: View, batch: int, now: float) -> list[Action]:
    """What keeps it from going on after `batch`; empty when it may. What somebody let through is not judged any more."""
    if batch <= view.passed:
        return []
    if view.gate == "roll back":
        return [Become("rolling_back")]
    if view.strategy == "canary" and batch == view.hold_after:
        waits = _canary(view, batch, now)
        if waits:
            return waits
    if view.gate == "measuring":
        return note(view, "measuring", batch)
    if view.gate == "hold":
        return note(view, "gate", batch)
    return []


def frozen(view: View, batch: int, now: float) -> list[Action]:
    """Nothing new begins in a freeze, whoever clicks."""
    if not view.held_why or (view.held_until is not None and now >= view.held_until):
        return []
    return note(view, view.held_by, batch, view.held_until)


def rested(view: View, batch: int, now: float) -> list[Action]:
    """The pause between batches; a hold before it was pause enough."""
    if not view.pause or batch < 0 or (view.strategy == "canary" and batch == view.hold_after):
        return []
    if view.rest_until is None:
        return [Rest(now + view.pause)]
    return [Wait(view.rest_until)] if now < view.rest_until else []


def _canary(view: View, batch: int, now: float) -> list[Action]:
    if view.noted is not None and view.noted.batch == batch and view.noted.kind in AFTER_HOLD:
        return []
    return hold(view, "canary", batch, view.hold, now)


def hold(view: View, kind: str, batch: int, seconds: float, now: float) -> list[Action]:
    """Holds for so many seconds (0: until somebody lets it go on) from the moment that it was noted."""
    stored = view.noted
    same = stored is not None and (stored.kind, stored.batch) == (kind, batch)
    if same and stored is not None and stored.until is not None and now >= stored.until:
        return []
    return note(view, kind, batch, now + seconds if seconds else None)


def note(view: View, kind: str, batch: int, until: float | None = None) -> list[Action]:
    """Notes it once, then waits."""
    stored = view.noted
    if stored is None or (stored.kind, stored.batch) != (kind, batch):
        return [Hold(kind, batch, until)]
    return [Wait(stored.until)]
