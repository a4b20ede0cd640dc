"""Rules that are there and on from the start. Whoever changes or switches one off keeps that: only missing ones are made."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop

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
        gettext_noop("Memory near its limit"),
        _metric("instance", "memory.percent", 90, 85, 300, text=gettext_noop("At the limit the kernel kills a process. Raise the limit or find the leak.")),
    ),
    # The scheduler's periods are 100 ms: 2.5 of 10 a second.
    "throttled": (gettext_noop("CPU throttled more than a quarter of the time"), _metric("instance", "cpu.throttled_periods", 2.5, 1.5, 600)),
    "oom": (gettext_noop("Killed for lack of memory"), _state("instance", "instance.oom", **CRITICAL)),
    "restarting": (
        gettext_noop("Starts again and again"),
        _state("instance", "instance.restarting", text=gettext_noop("Its process ends and is started again: look at its log."), **CRITICAL),
    ),
    "unhealthy": (gettext_noop("Instance unhealthy"), _state("instance", "instance.unhealthy", 60, clear_hold=30, **CRITICAL)),
    "missing": (gettext_noop("Instance missing"), _state("instance", "instance.missing", 60, **CRITICAL)),
    "unreachable": (gettext_noop("Host unreachable"), _state("host", "host.unreachable", 60, clear_hold=30, **CRITICAL)),
    "no-samples": (
        gettext_noop("Host without samples"),
        _state("host", "host.samples", 120, clear_hold=20, text=gettext_noop("Nothing is measured there, so no other rule can see it. The host's page says what its collector lacks.")),
    ),
    "disk": (gettext_noop("Disk more than 85 percent full"), _metric("host", "fs.percent", 85, 83, 300)),
    "disk-full": (gettext_noop("Disk more than 95 percent full"), _metric("host", "fs.percent", 95, 93, 60, **CRITICAL)),
    "inodes": (gettext_noop("Inodes more than 90 percent used"), _metric("host", "fs.inodes_percent", 90, 88, 300)),
    "conntrack": (gettext_noop("Connection tracker more than 80 percent full"), _metric("host", "conntrack.percent", 80, 70, 120)),
    "retransmissions": (gettext_noop("TCP sends more than 2 percent again"), _metric("host", "tcp.retransmit_ratio", 0.02, 0.01, 300)),
    "release": (gettext_noop("Release failed"), _state("place", "place.release")),
    "scaling-short": (
        gettext_noop("Autoscaling cannot reach its target"),
        _state("place", "place.scaling_short", 600, clear_hold=60, text=gettext_noop("More instances are needed than its most allows, or than there is room for. The place's page «Elasticity» says which.")),
    ),
    "scaling-blind": (
        gettext_noop("Autoscaling has no data"),
        _state("place", "place.scaling_blind", 300, clear_hold=60, text=gettext_noop("What it goes by is not measured, so it does not shrink, and does not grow by it.")),
    ),
    "break-glass": (
        gettext_noop("Break-glass used"),
        _state("place", "place.break_glass", text=gettext_noop("Somebody released in spite of guardrails. It goes on until another SRE has reviewed it."), **CRITICAL),
    ),
    # A day to say how the data of something new is backed up.
    "unprotected": (
        gettext_noop("Data without backups"),
        _state("place", "place.unprotected", 86400, text=gettext_noop("Say on the page «Backups and drills» of the service where its backups go and how often.")),
    ),
    "backup-overdue": (
        gettext_noop("Backup overdue"),
        _state("place", "place.backup_overdue", text=gettext_noop("If the host is lost now, more is lost than was agreed. The page «Backups and drills» says what became of the last ones."), **CRITICAL),
    ),
    "backup-failed": (
        gettext_noop("Scheduled backup failed"),
        _state("place", "place.backup_failed", text=gettext_noop("It is tried again by itself; the page «Backups and drills» says why it failed.")),
    ),
    "drill-failed": (
        gettext_noop("Restore drill did not pass"),
        _state("place", "place.drill_failed", text=gettext_noop("A backup that does not start is none: look at what the drill said, and try another one."), **CRITICAL),
    ),
    "drill-overdue": (gettext_noop("Restore drill overdue"), _state("place", "place.drill_overdue")),
    "snapshots": (gettext_noop("Snapshots behind their schedule"), _state("place", "place.snapshots")),
    # It is asked every ten minutes, and every minute while something is wrong.
    "backup-store": (gettext_noop("Store of backups out of reach"), _state("store", "store.unreachable", 120, **CRITICAL)),
    "drift": (gettext_noop("Drift for more than 10 minutes"), _state("instance", "instance.drift", 600)),
    "certificate": (
        gettext_noop("Certificate ends within 30 days"),
        {"kind": "host", "source": "host.certificate", "condition": BELOW, "threshold": 30, "clear": 31},
    ),
    "conformance": (gettext_noop("Host does not conform"), _state("host", "host.conformance", 600)),
    "address": (gettext_noop("Address used twice"), _state("instance", "instance.address", **CRITICAL)),
    "clock": (
        gettext_noop("Clock of a host is off"),
        {"kind": "host", "source": "host.clock", "condition": ABOVE, "threshold": 2, "clear": 1, "hold": 300},
    ),
    "store": (
        gettext_noop("The platform's disk is nearly full"),
        {"kind": "platform", "source": "platform.disk", "condition": ABOVE, "threshold": 90, "clear": 88, "hold": 60, **CRITICAL},
    ),
    "audit": (
        gettext_noop("The audit log is not as it should be"),
        _state("platform", "platform.audit", text=gettext_noop("The page «Proof» of the audit log says what was found."), **CRITICAL),
    ),
    "refused": (
        gettext_noop("Somebody is refused again and again"),
        _state("platform", "platform.refused", text=gettext_noop("Look for «denied:yes» in the audit log: a broken script, or somebody who tries doors.")),
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
