"""Health checks of instances: an LXD server runs none, so the platform does, by the rules of the other runtime.

States are of one process: another one comes to the same verdict by itself. Rules: https://docs.docker.com/reference/dockerfile/#healthcheck
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

SECOND = 1_000_000_000
INTERVAL, TIMEOUT, RETRIES = 30.0, 30.0, 3  # the other runtime's own defaults
SAID = 4096  # characters kept of what a check said
Run = Callable[[list[str], float], tuple[int, str]]


@dataclass(frozen=True)
class State:
    """Of one run of an instance. `streak`: failures in a row, `at`: when it was last checked (monotonic seconds)."""

    run: str
    status: str = "starting"
    streak: int = 0
    at: float | None = None
    said: str = ""
    code: int = 0

    def as_json(self) -> dict[str, Any]:
        log = [{"ExitCode": self.code, "Output": self.said}] if self.at is not None else []
        return {"Status": self.status, "FailingStreak": self.streak, "Log": log}


def command(check: Mapping[str, Any]) -> list[str]:
    """What is run inside; empty: nothing. Pure."""
    kind, *words = check.get("Test") or ["NONE"]
    return ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words if kind == "CMD" else []


def seconds(check: Mapping[str, Any], name: str, default: float) -> float:
    return float(check.get(name) or 0) / SECOND or default


def is_due(state: State, check: Mapping[str, Any], now: float) -> bool:
    return state.at is None or now - state.at >= seconds(check, "Interval", INTERVAL)


def after(state: State, check: Mapping[str, Any], code: int, said: str, *, now: float, up: float) -> State:
    """The state after one more check; `up`: seconds that the instance has run. Pure."""
    done = replace(state, at=now, code=code, said=said[-SAID:])
    if code == 0:
        return replace(done, status="healthy", streak=0)
    if state.status == "starting" and up < seconds(check, "StartPeriod", 0):
        return done
    streak = state.streak + 1
    return replace(
        done, streak=streak, status="unhealthy" if streak >= int(check.get("Retries") or RETRIES) else state.status
    )


class Checks:
    """The states of one server's instances; each check runs at most once at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}
        self._busy: set[str] = set()

    def seen(self, identity: str, run: str) -> State:
        """What is known, without a look. `run`: tells one run of the instance from the next."""
        with self._lock:
            state = self._states.get(identity)
        return state if state is not None and state.run == run else State(run)

    def looked(self, identity: str, run: str, check: Mapping[str, Any], up: float, execute: Run) -> State:
        """The same after a look, if one is due."""
        state = self.seen(identity, run)
        words = command(check)
        with self._lock:
            if not words or identity in self._busy or not is_due(state, check, time.monotonic()):
                return state
            self._busy.add(identity)
        try:
            code, said = execute(words, seconds(check, "Timeout", TIMEOUT))
            state = after(state, check, code, said, now=time.monotonic(), up=up)
            with self._lock:
                self._states[identity] = state
            return state
        finally:
            with self._lock:
                self._busy.discard(identity)

    def forget(self, kept: set[str]) -> None:
        """Those that are gone."""
        with self._lock:
            self._states = {identity: state for identity, state in self._states.items() if identity in kept}
