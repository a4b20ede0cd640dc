"""From an engine's answers to a host's row: fields, state and the reason for it. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from hosts import labels

LOW_DISK = 0.10  # of the data root's file system, bytes and inodes
SKEW = 5.0  # seconds that a clock may be off
# Without these the limits that services are promised do not hold; what else a kernel lacks is only worth a note.
NEEDED = re.compile(r"No (memory limit|cpu cfs (quota|period)|cpu quota|cpu period) support", re.I)
LACKS = re.compile(r"\bNo .* support\b|bridge-nf-call|IPv4 forwarding is disabled", re.I)


@dataclass(frozen=True)
class Verdict:
    """The state of a host that answered, and why."""

    state: str
    reason: str
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Space:
    """A file system's bytes and inodes; no inodes at all where it does not count them (btrfs)."""

    total: int
    free: int
    inodes: int = 0
    inodes_free: int = 0


def parse_space(text: str) -> Space | None:
    """`stat -f`'s answer: block size, blocks, free blocks, inodes, free inodes; None if it is something else."""
    found = re.fullmatch(r"\s*(\d+) (\d+) (\d+) (\d+) (\d+)\s*", text)
    if not found:
        return None
    size, total, free, inodes, inodes_free = (int(part) for part in found.groups())
    return Space(size * total, size * free, inodes, inodes_free) if size * total else None


def space_fields(space: Space, seen: datetime) -> dict[str, Any]:
    """The columns of a host that its data root's figures give."""
    return {
        "disk_total": space.total,
        "disk_free": space.free,
        "inodes_total": space.inodes,
        "inodes_free": space.inodes_free,
        "disk_seen": seen,
        "disk_note": "",
    }


def parse_time(text: str) -> datetime | None:
    """An engine's RFC 3339 time (with nanoseconds); None if it is none, or the engine's zero."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text or "")
    if not found or text.startswith("0001"):
        return None
    return datetime.fromisoformat(
        found[1] + (found[2] or ".0")[:7] + ("+00:00" if found[3] == "Z" else found[3])
    ).astimezone(UTC)


def clock_skew(theirs: datetime | None, asked: datetime, answered: datetime) -> float | None:
    """Seconds that an engine's clock is ahead (or behind, below 0) of any moment at which it may have answered."""
    if theirs is None:
        return None
    if theirs > answered:
        return (theirs - answered).total_seconds()
    return min(0.0, (theirs - asked).total_seconds())


def host_fields(
    version: Mapping[str, Any], info: Mapping[str, Any], asked: datetime, answered: datetime
) -> dict[str, Any]:
    """The columns of a host that its engine's answers give. `asked`, `answered`: when, by our clock."""
    theirs = parse_time(str(info.get("SystemTime") or ""))
    return {
        "engine_id": str(info.get("ID") or "")[:100],
        "engine_version": str(version.get("Version") or "")[:40],
        "api_version": str(version.get("ApiVersion") or "")[:10],
        "min_api_version": str(version.get("MinAPIVersion") or "")[:10],
        "kernel": str(info.get("KernelVersion") or version.get("KernelVersion") or "")[:120],
        "os": str(info.get("OperatingSystem") or "")[:120],
        "architecture": str(info.get("Architecture") or "")[:20],
        "cpus": int(info.get("NCPU") or 0),
        "memory": int(info.get("MemTotal") or 0),
        "data_root": str(info.get("DockerRootDir") or "")[:250],
        "storage_driver": str(info.get("Driver") or "")[:40],
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "cgroup_version": str(info.get("CgroupVersion") or "")[:4],
        "clock_skew": clock_skew(theirs, asked, answered),
    }


def assess(
    info: Mapping[str, Any],
    *,
    skew: float | None = None,
    disk_total: int | None = None,
    disk_free: int | None = None,
    inodes_total: int | None = None,
    inodes_free: int | None = None,
) -> Verdict:
    """Ready, or degraded with every reason; what is only worth knowing becomes a note."""
    warnings: list[str] = []
    notes: list[str] = []
    for line in info.get("Warnings") or []:
        text = re.sub(r"^WARNING:\s*", "", str(line).strip())
        (notes if LACKS.search(text) and not NEEDED.search(text) else warnings).append(text)
    if disk_total and disk_free is not None and disk_free < LOW_DISK * disk_total:
        warnings.append(
            _("Only %(percent)s %% of the disk under %(root)s is free.")
            % {"percent": round(100 * disk_free / disk_total), "root": info.get("DockerRootDir") or "?"}
        )
    if inodes_total and inodes_free is not None and inodes_free < LOW_DISK * inodes_total:
        warnings.append(
            _("Only %(percent)s %% of the inodes under %(root)s are free.")
            % {"percent": round(100 * inodes_free / inodes_total), "root": info.get("DockerRootDir") or "?"}
        )
    if skew is not None and abs(skew) > SKEW:
        warnings.append(_("Its clock is %(seconds)s s off.") % {"seconds": round(skew)})
    if not info.get("LiveRestoreEnabled"):
        notes.append(_("live-restore is off: containers stop when the engine is restarted."))
    if not warnings:
        return Verdict("ready", "", [], notes)
    return Verdict("degraded", " ".join(warnings), warnings, notes)


def container_fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a container as the engine lists it (`/containers/json`)."""
    mine = {str(k): str(v) for k, v in (entry.get("Labels") or {}).items()}
    status = str(entry.get("Status") or "")
    ip, mac = _address(entry)
    created = entry.get("Created")
    return {
        "name": str((entry.get("Names") or ["/?"])[0]).lstrip("/")[:250],
        "image": str(entry.get("Image") or "")[:500],
        "image_id": str(entry.get("ImageID") or "")[:100],
        "state": str(entry.get("State") or "unknown")[:20],
        "status": status[:120],
        "health": health(status),
        "ip": ip,
        "mac": mac,
        "labels": mine,
        "ours": labels.is_ours(mine),
        "created": datetime.fromtimestamp(created, UTC) if isinstance(created, int) and created > 0 else None,
    }


def inspected_fields(answer: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The same columns from an inspection, which is never behind an event (the engine's list is, for a moment)."""
    state, config = answer.get("State") or {}, answer.get("Config") or {}
    mine = {str(k): str(v) for k, v in (config.get("Labels") or {}).items()}
    checked = str((state.get("Health") or {}).get("Status") or "")
    running = bool(state.get("Running"))
    ip, mac = _address(answer)
    return {
        "name": str(answer.get("Name") or "?").lstrip("/")[:250],
        "image": str(config.get("Image") or "")[:500],
        "image_id": str(answer.get("Image") or "")[:100],
        "state": str(state.get("Status") or "unknown")[:20],
        "status": status_words(state, now)[:120],
        "health": checked if running and checked in {"healthy", "unhealthy", "starting"} else "",
        "ip": ip,
        "mac": mac,
        "labels": mine,
        "ours": labels.is_ours(mine),
        "created": parse_time(str(answer.get("Created") or "")),
    }


def status_words(state: Mapping[str, Any], now: datetime) -> str:
    """«Up 4 hours (healthy)», «Exited (137) 3 seconds ago»: as the engine's own list says it."""
    word = str(state.get("Status") or "")
    started, ended = parse_time(str(state.get("StartedAt") or "")), parse_time(str(state.get("FinishedAt") or ""))
    if word in {"running", "paused"} and started:
        checked = str((state.get("Health") or {}).get("Status") or "none")
        text = f"Up {spell(now - started)}"
        if word == "paused":
            return f"{text} (Paused)"
        if checked in {"healthy", "unhealthy"}:
            return f"{text} ({checked})"
        return f"{text} (health: starting)" if checked == "starting" else text
    if word in {"exited", "restarting"} and ended:
        return f"{word.capitalize()} ({state.get('ExitCode', 0)}) {spell(now - ended)} ago"
    return word.capitalize()


def spell(span: timedelta) -> str:
    """A span of time in the engine's words."""
    seconds = max(0, int(span.total_seconds()))
    minutes, hours = seconds // 60, round(seconds / 3600)
    if seconds < 1:
        return "Less than a second"
    if minutes < 1:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    if hours < 24 * 14:
        return f"{hours // 24} days"
    if hours < 24 * 60:
        return f"{hours // 24 // 7} weeks"
    return f"{hours // 24 // 30} months" if hours < 24 * 730 else f"{hours // 24 // 365} years"


def health(status: str) -> str:
    """healthy, unhealthy, starting; empty where there is no check or nothing runs."""
    found = re.search(r"\((?:health: )?(healthy|unhealthy|starting)\)", status)
    return found[1] if found else ""


def _address(entry: Mapping[str, Any]) -> tuple[str, str]:
    for network in ((entry.get("NetworkSettings") or {}).get("Networks") or {}).values():
        # A stopped container has no address at the moment, but keeps the fixed one that it was made with.
        ip = (network or {}).get("IPAddress") or ((network or {}).get("IPAMConfig") or {}).get("IPv4Address")
        if ip:
            return str(ip)[:45], str(network.get("MacAddress") or "")[:17]
    return "", ""
