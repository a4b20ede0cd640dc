"""Health by the rules of the other runtime. Pure. Rules: https://docs.docker.com/reference/dockerfile/#healthcheck"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

SECOND = 1_000_000_000
INTERVAL, TIMEOUT, RETRIES = 30.0, 30.0, 3  # the other runtime's own defaults
SAID = 4096  # characters kept of what a check said
MOST_STREAK = 1000  # failures in a row that are counted


@dataclass(frozen=True)
class State:
    """Of one run of an instance. `streak`: failures in a row, `at`: when this process has last checked it (monotonic seconds)."""

    run: str
    status: str = "starting"
    streak: int = 0
    at: float | None = None
    said: str = ""
    code: int | None = None

    def as_json(self) -> dict[str, Any]:
        log = [{"ExitCode": self.code, "Output": self.said}] if self.code is not None else []
        return {"Status": self.status, "FailingStreak": self.streak, "Log": log}

    @property
    def told(self) -> tuple[str, str, int]:
        """What others have to be told when it changes."""
        return self.run, self.status, self.streak


def command(check: Mapping[str, Any]) -> list[str]:
    """What is run inside; empty: nothing."""
    kind, *words = check.get("Test") or ["NONE"]
    return ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words if kind == "CMD" else []


def seconds(check: Mapping[str, Any], name: str, default: float) -> float:
    return float(check.get(name) or 0) / SECOND or default


def is_due(state: State, check: Mapping[str, Any], now: float) -> bool:
    return state.at is None or now - state.at >= seconds(check, "Interval", INTERVAL)


def is_fresh(state: State, check: Mapping[str, Any], now: float) -> bool:
    """Whether this process checks it, so that its own word counts."""
    patience = 2 * seconds(check, "Interval", INTERVAL) + seconds(check, "Timeout", TIMEOUT)
    return state.at is not None and now - state.at <= patience


def after(state: State, check: Mapping[str, Any], code: int, said: str, *, now: float, up: float) -> State:
    """The state after one more check; `up`: seconds that the instance has run."""
    done = replace(state, at=now, code=code, said=said[-SAID:])
    if code == 0:
        return replace(done, status="healthy", streak=0)
    if state.status == "starting" and up < seconds(check, "StartPeriod", 0):
        return done
    streak = min(state.streak + 1, MOST_STREAK)
    return replace(
        done, streak=streak, status="unhealthy" if streak >= int(check.get("Retries") or RETRIES) else state.status
    )
