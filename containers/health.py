"""Whether a container is well, from what its engine says of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

SETTLE = 1.0  # seconds that a container without a health check has to run before it counts as well
MOST_RESTARTS = 3
ENGINE_INTERVAL = 30.0  # seconds, where the check names none


@dataclass(frozen=True)
class Verdict:
    """`state`: healthy, starting (wait on) or failed (no use to wait); `why` in words."""

    state: str
    why: str = ""


def has_check(seen: Mapping[str, Any]) -> bool:
    """Whether the engine watches the container's health (its own check or its image's)."""
    test = ((seen.get("Config") or {}).get("Healthcheck") or {}).get("Test") or []
    return bool(test) and test[0] != "NONE"


def command_of(seen: Mapping[str, Any]) -> list[str]:
    """What the engine runs inside as the health check; empty: there is none."""
    config = seen.get("Config") or {}
    kind, *words = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if kind == "CMD-SHELL":
        return [*(config.get("Shell") or ["/bin/sh", "-c"]), *words]
    return words if kind == "CMD" else []


def interval_of(seen: Mapping[str, Any]) -> float:
    """Seconds between two checks of the engine."""
    check = (seen.get("Config") or {}).get("Healthcheck") or {}
    return float(check.get("Interval") or 0) / 1e9 or ENGINE_INTERVAL


def is_first_run(seen: Mapping[str, Any]) -> bool:
    """Whether the container has never ended since it was made."""
    ended = str((seen.get("State") or {}).get("FinishedAt") or "")
    return not seen.get("RestartCount") and (not ended or ended.startswith("0001-"))


def judge(seen: Mapping[str, Any], ran_for: float) -> Verdict:
    """`seen`: the engine's inspect; `ran_for`: seconds that this very run of it has been watched running."""
    state = seen.get("State") or {}
    status = state.get("Status") or ""
    restarts = int(seen.get("RestartCount") or 0)
    if status in {"exited", "dead", "removing"}:
        return Verdict("failed", ended(state))
    if restarts >= MOST_RESTARTS and state.get("OOMKilled"):
        return Verdict("failed", ended(state))
    if restarts >= MOST_RESTARTS:
        words = _("It ends again and again: %(count)s restarts, last exit code %(code)s.")
        return Verdict("failed", words % {"count": restarts, "code": state.get("ExitCode")})
    if status != "running":
        return Verdict("starting", _("The container is %(state)s.") % {"state": status or "?"})
    if has_check(seen):
        health = (state.get("Health") or {}).get("Status") or "starting"
        if health == "healthy":
            return Verdict("healthy")
        log = (state.get("Health") or {}).get("Log") or []
        last = str(log[-1].get("Output") or "").strip()[-300:] if log else ""
        words = _("Its health check does not succeed.") if health == "unhealthy" else _("Its health check is starting.")
        return Verdict("starting", f"{words} {last}".strip())
    return Verdict("healthy") if ran_for >= SETTLE else Verdict("starting", _("It has just started."))


def ended(state: Mapping[str, Any]) -> str:
    """How a container ended, in words."""
    code = state.get("ExitCode")
    if state.get("OOMKilled"):
        return _("It was killed for lack of memory (exit code %(code)s): raise the limit or lower its use.") % {
            "code": code
        }
    error = str(state.get("Error") or "").strip()
    text = _("It ended with exit code %(code)s.") % {"code": code}
    return f"{text} {error}".strip()


def shown_state(seen: Mapping[str, Any]) -> str:
    """The instance's word: running, healthy, starting, unhealthy, stopped."""
    state = seen.get("State") or {}
    if state.get("Status") == "restarting":
        return "unhealthy"
    if not state.get("Running"):
        return "stopped"
    if not has_check(seen):
        return "running"
    return (state.get("Health") or {}).get("Status") or "starting"
