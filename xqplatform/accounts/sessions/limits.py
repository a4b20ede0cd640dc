"""How long a session lasts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

NOTED = 60.0  # seconds between two notes that a session is in use


@dataclass(frozen=True)
class Limits:
    """Seconds without use, and altogether."""

    idle: float
    total: float


def over(facts: dict[str, Any], limits: Limits, now: float) -> Literal["", "idle", "total"]:
    """By which limit a session has ended; a clock that was set back ends none."""
    if now - float(facts["began"]) > limits.total:
        return "total"
    return "idle" if now - float(facts["seen"]) > limits.idle else ""


def to_note(facts: dict[str, Any], now: float) -> bool:
    """Whether this use is to be noted: seldom, since each note is a row written."""
    return abs(now - float(facts["seen"])) > NOTED
