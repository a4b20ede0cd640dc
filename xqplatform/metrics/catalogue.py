"""Which metrics there are: name, unit, words and what belongs together on a chart.

A device stands in brackets after the name (`blkio.read_bytes[sda]`); an application's own are `app.NAME`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _

Unit = Literal["cores", "percent", "bytes", "bytes/s", "packets/s", "ops/s", "count", "per s", "seconds", "ratio"]
APP = "app."


@dataclass(frozen=True, slots=True)
class Metric:
    """`device`: what may stand in brackets. `stacked`: metrics with the same word add up. `limit`: the metric that bounds it."""

    name: str
    unit: Unit
    title: Any  # a lazy text
    group: str
    subjects: frozenset[str]
    device: str = ""
    stacked: str = ""
    limit: str = ""


INSTANCE = frozenset({"instance"})
HOST = frozenset({"host"})
BOTH = INSTANCE | HOST

GROUPS: dict[str, Any] = {
    "cpu": _("CPU"),
    "memory": _("Memory"),
    "net": _("Network"),
    "disk": _("Disk"),
    "fs": _("File systems"),
    "tcp": _("TCP connections"),
    "pressure": _("Pressure"),
    "state": _("State"),
    "collector": _("Collector"),
    "app": _("Application"),
}

METRICS: tuple[Metric, ...] = (
    Metric("cpu.cores", "cores", _("CPU in cores"), "cpu", BOTH),
    Metric("cpu.percent", "percent", _("CPU, percent of the limit"), "cpu", BOTH),
    Metric("cpu.throttled_periods", "per s", _("Throttled periods"), "cpu", INSTANCE),
    Metric("cpu.throttled_time", "ratio", _("Throttled time, seconds a second"), "cpu", INSTANCE),
    Metric("load.1", "count", _("Load over 1 minute"), "cpu", HOST),
    Metric("load.5", "count", _("Load over 5 minutes"), "cpu", HOST),
    Metric("load.15", "count", _("Load over 15 minutes"), "cpu", HOST),
    Metric("memory.usage", "bytes", _("Memory with cache"), "memory", INSTANCE, limit="memory.limit"),
    Metric("memory.cache", "bytes", _("File cache"), "memory", BOTH),
    Metric("memory.working_set", "bytes", _("Working set"), "memory", INSTANCE, limit="memory.limit"),
    Metric("memory.limit", "bytes", _("Memory limit"), "memory", INSTANCE),
    Metric("memory.percent", "percent", _("Working set, percent of the limit"), "memory", INSTANCE),
    Metric("memory.failcnt", "per s", _("Allocations that met the limit"), "memory", INSTANCE),
    Metric("memory.oom_kills", "count", _("Kills for lack of memory"), "memory", INSTANCE),
    Metric("memory.total", "bytes", _("Memory of the machine"), "memory", HOST),
    Metric("memory.used", "bytes", _("Memory used"), "memory", HOST, limit="memory.total"),
    Metric("memory.available", "bytes", _("Memory available"), "memory", HOST, limit="memory.total"),
    Metric("swap.used", "bytes", _("Swap used"), "memory", HOST),
    Metric("net.rx_bytes", "bytes/s", _("Bytes in"), "net", BOTH, "nic"),
    Metric("net.tx_bytes", "bytes/s", _("Bytes out"), "net", BOTH, "nic"),
    Metric("net.rx_packets", "packets/s", _("Packets in"), "net", BOTH, "nic"),
    Metric("net.tx_packets", "packets/s", _("Packets out"), "net", BOTH, "nic"),
    Metric("net.rx_dropped", "packets/s", _("Packets in that were dropped"), "net", BOTH, "nic"),
    Metric("net.tx_dropped", "packets/s", _("Packets out that were dropped"), "net", BOTH, "nic"),
    Metric("net.rx_errors", "per s", _("Receive errors"), "net", BOTH, "nic"),
    Metric("net.tx_errors", "per s", _("Send errors"), "net", BOTH, "nic"),
    Metric("blkio.read_bytes", "bytes/s", _("Bytes read from disks"), "disk", INSTANCE, "disk"),
    Metric("blkio.write_bytes", "bytes/s", _("Bytes written to disks"), "disk", INSTANCE, "disk"),
    Metric("blkio.read_ops", "ops/s", _("Reads from disks"), "disk", INSTANCE, "disk"),
    Metric("blkio.write_ops", "ops/s", _("Writes to disks"), "disk", INSTANCE, "disk"),
    Metric("disk.read_bytes", "bytes/s", _("Bytes read"), "disk", HOST, "disk"),
    Metric("disk.write_bytes", "bytes/s", _("Bytes written"), "disk", HOST, "disk"),
    Metric("disk.read_ops", "ops/s", _("Reads"), "disk", HOST, "disk"),
    Metric("disk.write_ops", "ops/s", _("Writes"), "disk", HOST, "disk"),
    Metric("disk.busy", "percent", _("Time that the disk was busy"), "disk", HOST, "disk"),
    Metric("fs.used", "bytes", _("Space used"), "fs", BOTH, "mount", limit="fs.size"),
    Metric("fs.size", "bytes", _("Size of the file system"), "fs", BOTH, "mount"),
    Metric("fs.percent", "percent", _("Space used, percent"), "fs", BOTH, "mount"),
    Metric("fs.inodes_percent", "percent", _("Inodes used, percent"), "fs", BOTH, "mount"),
    Metric("tcp.established", "count", _("Established"), "tcp", INSTANCE, stacked="tcp"),
    Metric("tcp.listen", "count", _("Listening"), "tcp", INSTANCE, stacked="tcp"),
    Metric("tcp.time_wait", "count", _("In TIME_WAIT"), "tcp", INSTANCE, stacked="tcp"),
    Metric("tcp.close_wait", "count", _("In CLOSE_WAIT"), "tcp", INSTANCE, stacked="tcp"),
    Metric("tcp.other", "count", _("In other states"), "tcp", INSTANCE, stacked="tcp"),
    Metric("tcp.retransmissions", "per s", _("TCP segments sent again"), "tcp", HOST),
    Metric("tcp.retransmit_ratio", "ratio", _("Share of TCP segments sent again"), "tcp", HOST),
    Metric("conntrack.count", "count", _("Tracked connections"), "tcp", HOST),
    Metric("conntrack.percent", "percent", _("Tracked connections, percent of the table"), "tcp", HOST),
    Metric("pressure.cpu", "percent", _("Time in which something waited for CPU"), "pressure", HOST),
    Metric("pressure.memory", "percent", _("Time in which something waited for memory"), "pressure", HOST),
    Metric("pressure.io", "percent", _("Time in which something waited for disks"), "pressure", HOST),
    Metric("processes", "count", _("Processes"), "state", BOTH),
    Metric("restarts", "count", _("Restarts"), "state", INSTANCE),
    Metric("health", "ratio", _("Healthy (1) or not (0)"), "state", INSTANCE),
    Metric("up", "ratio", _("Running (1)"), "state", INSTANCE),
    Metric("collector.cpu", "cores", _("CPU of the collector in cores"), "collector", HOST),
    Metric("collector.memory", "bytes", _("Memory of the collector"), "collector", HOST),
)
_ENDINGS: dict[str, Unit] = {"_seconds": "seconds", "_bytes": "bytes", "_ratio": "ratio", "_percent": "percent"}
_BY_NAME = {metric.name: metric for metric in METRICS}


def split(name: str) -> tuple[str, str]:
    """The name and its device: `fs.used[/var]` is `fs.used` of `/var`; without brackets the device is empty."""
    base, bracket, device = name.partition("[")
    return (base, device.removesuffix("]")) if bracket else (name, "")


def find(name: str) -> Metric:
    """What is known of a metric, with or without a device. An unknown one is an application's own: a bare number."""
    base, _device = split(name)
    known = _BY_NAME.get(base)
    if known is not None:
        return known
    return Metric(base, unit_of_app(base), base.removeprefix(APP), "app", INSTANCE)


def unit_of_app(name: str) -> Unit:
    """What the name of an application's metric says of its unit, as names of Prometheus do: `app.http_request_seconds.mean`."""
    stem, _dot, part = name.rpartition(".")
    if part == "rate":
        return "bytes/s" if stem.endswith("_bytes") else "per s"
    told = stem if part in {"mean", "max"} or (part[:1] == "p" and part[1:].isdigit()) else name
    for ending, unit in _ENDINGS.items():
        if told.endswith(ending):
            return unit
    return "count"


def of(kind: str) -> Iterator[Metric]:
    """The metrics that a kind of subject (`host`, `instance`) has, in the order of the pages."""
    return (metric for metric in METRICS if kind in metric.subjects)
