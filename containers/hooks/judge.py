"""What comes after a try of a hook. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from containers.hooks.shape import Hook, pause

HOLD_SECONDS = 24 * 3600.0  # a hook that holds for so long fails: every release comes to an end
HELD_RETRY = 5.0  # seconds between two tries of what holds by itself until a machine is back

Next = Literal["done", "again", "fail", "hold", "pass"]


@dataclass(frozen=True)
class Verdict:
    next: Next
    pause: float = 0


def after(hook: Hook, failed: int, *, ok: bool, again: bool) -> Verdict:
    """`failed`: tries that failed, this one included; `again`: a further one may help."""
    if ok:
        return Verdict("done")
    if again and failed <= hook.retries:
        return Verdict("again", pause(failed))
    return Verdict({"fail": "fail", "hold": "hold", "warn": "pass"}[hook.on_failure])  # type: ignore[arg-type]


def held(asked: str, wish: str, seconds: float) -> Next | None:
    """What ends a hold: somebody's answer, a release that is cancelled or goes back, its time. None: it goes on."""
    if wish in {"cancel", "rollback"} or seconds >= HOLD_SECONDS:
        return "fail"
    return {"retry": "again", "pass": "pass"}.get(asked)  # type: ignore[return-value]
