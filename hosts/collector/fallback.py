"""Where no collector can be: the engine is asked, seldom, of few containers, one after the other. `of_stats` is pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.db import connections

from hosts import engine as edge
from hosts.collector.protocol import UNLIMITED, Block, Disk, Reading, Traffic
from hosts.engine import EngineError
from hosts.models import Host, SeenContainer

EVERY = 60.0
MOST = 20  # containers; each takes the engine up to a second
PATIENCE = 45.0  # seconds for all of them
CALL_SECONDS = 15.0


def read(host: Host) -> tuple[Block, float]:
    """A block as a collector would have sent it, and the seconds until the next. Raises EngineError if the engine cannot be asked at all."""
    engine = edge.connect(host)
    engine.ping()
    began = time.monotonic()
    block = Block(0, began, "fallback", began, EVERY, "fallback", 0, host.cpus)
    for engine_id in _running(host):
        if time.monotonic() - began > PATIENCE:
            break
        try:
            seen = engine.stats(engine_id, timeout=CALL_SECONDS)
        except EngineError as error:
            if error.out_of_reach and error.kind != "timeout":
                raise
            continue
        block.containers[engine_id] = of_stats(seen, time.monotonic())
    return block, EVERY


def _running(host: Host) -> list[str]:
    rows = SeenContainer.objects.filter(host=host, ours=True, state="running").order_by("created", "engine_id")
    try:
        return list(rows.values_list("engine_id", flat=True)[:MOST])
    finally:
        connections.close_all()  # (in a thread of its own)


def _number(values: Mapping[str, Any], *keys: str) -> float | None:
    for key in keys:
        value = values.get(key)
        if isinstance(value, int | float):
            return float(value)
    return None


def of_stats(seen: Mapping[str, Any], at: float) -> Reading:
    """An engine's statistics as a reading."""
    cpu = seen.get("cpu_stats") or {}
    throttling = cpu.get("throttling_data") or {}
    memory = seen.get("memory_stats") or {}
    details = memory.get("stats") or {}
    limit = _number(memory, "limit")
    return Reading(
        at,
        "",  # a restart shows by counters that go back
        _number(cpu.get("cpu_usage") or {}, "total_usage"),
        _number(throttling, "throttled_periods"),
        _number(throttling, "throttled_time"),
        None,
        None,
        _number(memory, "usage"),
        _number(details, "total_cache", "file", "cache"),
        _number(details, "total_inactive_file", "inactive_file"),
        None if limit is None or limit > UNLIMITED else limit,
        _number(memory, "failcnt"),
        None,
        _number(seen.get("pids_stats") or {}, "current"),
        _traffic(seen.get("networks") or {}),
        None, None, None, None, None,
        _disks(seen.get("blkio_stats") or {}),
    )  # fmt: skip


def _traffic(cards: Mapping[str, Mapping[str, Any]]) -> Traffic:
    if not cards:
        return Traffic(*[None] * 8)
    return Traffic(*[sum(_number(card, name) or 0.0 for card in cards.values()) for name in Traffic._fields])


def _disks(stats: Mapping[str, Any]) -> dict[str, Disk] | None:
    """By the numbers of the devices: the engine does not tell their names."""
    counted: dict[str, list[float]] = {}
    for at, key in ((0, "io_service_bytes_recursive"), (2, "io_serviced_recursive")):
        for entry in stats.get(key) or []:
            word = str(entry.get("op", "")).lower()
            if word in {"read", "write"}:
                values = counted.setdefault(f"{entry.get('major')}:{entry.get('minor')}", [0.0] * 4)
                values[at + (word == "write")] += float(entry.get("value") or 0)
    return {device: Disk(*values) for device, values in counted.items()} or None
