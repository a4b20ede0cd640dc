"""Rules that are there and on from the start. Whoever changes or switches one off keeps that: only missing ones are made."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop as noop

from xqplatform.alerts.models import Rule

ABOVE, BELOW, STATE = Rule.Condition.ABOVE, Rule.Condition.BELOW, Rule.Condition.STATE


def _metric(kind: str, metric: str, threshold: float, clear: float, hold: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind, "metric": metric, "condition": ABOVE, "threshold": threshold, "clear": clear, "hold": hold,
        "clear_hold": 60, **more,
    }  # fmt: skip


def _state(kind: str, source: str, hold: int = 0, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "source": source, "condition": STATE, "hold": hold, **more}


CRITICAL: dict[str, Any] = {"severity": "critical"}
DEFAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "memory": (
        noop("Memory near its limit"),
        _metric("instance", "memory.percent", 90, 85, 300, text=noop("At the limit the kernel kills a process. Raise the limit or find the leak.")),
    ),
    # The scheduler's periods are 100 ms: 2.5 of 10 a second.
    "throttled": (noop("CPU throttled more than a quarter of the time"), _metric("instance", "cpu.throttled_periods", 2.5, 1.5, 600)),
    "oom": (noop("Killed for lack of memory"), _state("instance", "instance.oom", **CRITICAL)),
    "unhealthy": (noop("Instance unhealthy"), _state("instance", "instance.unhealthy", 60, clear_hold=30, **CRITICAL)),
    "missing": (noop("Instance missing"), _state("instance", "instance.missing", 60, **CRITICAL)),
    "unreachable": (noop("Host unreachable"), _state("host", "host.unreachable", 60, clear_hold=30, **CRITICAL)),
    "no-samples": (
        noop("Host without samples"),
        _state("host", "host.samples", 120, clear_hold=20, text=noop("Nothing is measured there, so no other rule can see it. The host's page says what its collector lacks.")),
    ),
    "disk": (noop("Disk more than 85 % full"), _metric("host", "fs.percent", 85, 83, 300)),
    "disk-full": (noop("Disk more than 95 % full"), _metric("host", "fs.percent", 95, 93, 60, **CRITICAL)),
    "inodes": (noop("Inodes more than 90 % used"), _metric("host", "fs.inodes_percent", 90, 88, 300)),
    "conntrack": (noop("Connection tracker more than 80 % full"), _metric("host", "conntrack.percent", 80, 70, 120)),
    "retransmissions": (noop("TCP sends more than 2 % again"), _metric("host", "tcp.retransmit_ratio", 0.02, 0.01, 300)),
    "release": (noop("Release failed"), _state("place", "place.release")),
    "drift": (noop("Drift for more than 10 minutes"), _state("instance", "instance.drift", 600)),
    "certificate": (
        noop("Certificate ends within 30 days"),
        {"kind": "host", "source": "host.certificate", "condition": BELOW, "threshold": 30, "clear": 31},
    ),
    "conformance": (noop("Host does not conform"), _state("host", "host.conformance", 600)),
    "address": (noop("Address used twice"), _state("instance", "instance.address", **CRITICAL)),
    "clock": (
        noop("Clock of a host is off"),
        {"kind": "host", "source": "host.clock", "condition": ABOVE, "threshold": 2, "clear": 1, "hold": 300},
    ),
    "store": (
        noop("The platform's disk is nearly full"),
        {"kind": "platform", "source": "platform.disk", "condition": ABOVE, "threshold": 90, "clear": 88, "hold": 60, **CRITICAL},
    ),
}  # fmt: skip


def ensure_defaults() -> None:
    known = set(Rule.objects.exclude(builtin="").values_list("builtin", flat=True))
    names = set(Rule.objects.values_list("name", flat=True))
    Rule.objects.bulk_create(
        Rule(builtin=key, name=name, **fields)
        for key, (name, fields) in DEFAULTS.items()
        if key not in known and name not in names
    )
