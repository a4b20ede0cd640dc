"""How long a terminal may stay, and how many there may be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WARN = 120.0  # seconds before the end from which on the page counts down
Cause = Literal["idle", "total", "away"]


@dataclass(frozen=True)
class Limits:
    """Seconds. `idle`: since something was typed; `total`: since it was opened; `away`: without a browser."""

    idle: float
    total: float
    away: float = 60.0


@dataclass(frozen=True)
class Clocks:
    """Monotonic times of one terminal. `away_since`: None while a browser is there."""

    opened: float
    typed: float
    away_since: float | None = None


def next_end(clocks: Clocks, limits: Limits) -> tuple[Cause, float]:
    """Which limit comes first, and when."""
    ends: list[tuple[Cause, float]] = [("total", clocks.opened + limits.total), ("idle", clocks.typed + limits.idle)]
    if clocks.away_since is not None:
        ends.append(("away", clocks.away_since + limits.away))
    return min(ends, key=lambda one: one[1])


def over(clocks: Clocks, limits: Limits, now: float) -> Cause | None:
    """The limit that is reached; None: it goes on."""
    cause, when = next_end(clocks, limits)
    return cause if now >= when else None


def warning(clocks: Clocks, limits: Limits, now: float) -> tuple[Cause, float] | None:
    """Which limit comes soon and in how many seconds; None: none does."""
    cause, when = next_end(clocks, limits)
    return (cause, max(0.0, when - now)) if when - now <= WARN else None
