"""Blocks for tests, as lines and as objects."""

from __future__ import annotations

from typing import Any

from hosts.collector.protocol import Block, Disk, HostReading, Parser, Reading, Traffic

ID = "ab" * 32
OTHER = "cd" * 32


def container_line(engine_id: str = ID, at: float = 100.0, **values: Any) -> str:
    """A line `C`; names as in `ORDER`."""
    filled = {**DEFAULTS, **values}
    disks = filled.pop("disks")
    return " ".join(["C", engine_id, f"{at:.2f}", *(str(filled[name]) for name in ORDER), disks])


ORDER = [
    "started",
    "cpu",
    "throttled_periods",
    "throttled_time",
    "quota",
    "period",
    "usage",
    "cache",
    "inactive",
    "limit",
    "failcnt",
    "oom_kills",
    "processes",
    "rx_bytes",
    "rx_packets",
    "rx_errors",
    "rx_dropped",
    "tx_bytes",
    "tx_packets",
    "tx_errors",
    "tx_dropped",
    "sockets",
    "current",
    "time_wait",
    "listen",
    "close_wait",
]
DEFAULTS: dict[str, Any] = {
    "started": 4711, "cpu": 10**9, "throttled_periods": 0, "throttled_time": 0, "quota": 50000, "period": 100000,
    "usage": 30 << 20, "cache": 10 << 20, "inactive": 5 << 20, "limit": 64 << 20, "failcnt": 0, "oom_kills": 0, "processes": 3,
    "rx_bytes": 0, "rx_packets": 0, "rx_errors": 0, "rx_dropped": 0, "tx_bytes": 0, "tx_packets": 0, "tx_errors": 0,
    "tx_dropped": 0, "sockets": 5, "current": 3, "time_wait": 7, "listen": 1, "close_wait": 1, "disks": "0",
}  # fmt: skip


def block_lines(
    *middle: str, seq: int = 1, uptime: float = 100.0, boot: str = "68f02770", begun: float = 90.0
) -> list[str]:
    begin = f"B 1 {seq} {uptime:.2f} {boot} {begun:.2f} 10 v1 1 2"
    return [begin, *middle, f"E {seq} {len(middle) + 1}"]


def block(*middle: str, **options: Any) -> Block:
    parser = Parser()
    found = list(parser.blocks(block_lines(*middle, **options)))
    assert parser.bad == 0, middle
    return found[0]


def reading(at: float = 100.0, **values: Any) -> Reading:
    return block(container_line(at=at, **values)).containers[ID]


__all__ = [
    "ID",
    "OTHER",
    "Block",
    "Disk",
    "HostReading",
    "Reading",
    "Traffic",
    "block",
    "block_lines",
    "container_line",
]
