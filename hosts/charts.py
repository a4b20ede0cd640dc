"""Which charts a host has, and its sheet from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.models import Host
from xqplatform import metrics
from xqplatform.metrics import board, charts
from xqplatform.metrics.charts import Chart, Limit, Spec, Wanted
from xqplatform.metrics.pages import Part, Sheet
from xqplatform.metrics.ranges import Range

MOST_DEVICES = 8  # of a kind; a host with more has them in the list of the API
CPU, MEMORY, PRESSURE = gettext_lazy("CPU"), gettext_lazy("Memory"), gettext_lazy("Pressure")
NETWORK, TCP, DISKS = gettext_lazy("Network"), gettext_lazy("TCP and connection tracking"), gettext_lazy("Disks")
FILES, OTHER = gettext_lazy("File systems"), gettext_lazy("Processes and the collector")
IN, OUT, READ, WRITE = gettext_lazy("in"), gettext_lazy("out"), gettext_lazy("read"), gettext_lazy("written")


def pair(first: str, second: str, in_word: object = IN, out_word: object = OUT) -> tuple[Wanted, Wanted]:
    """In and out have the same two colours everywhere; so have read and written."""
    return Wanted(first, in_word, "in"), Wanted(second, out_word, "out")


LOST = (
    *pair("net.rx_dropped", "net.tx_dropped", gettext_lazy("dropped in"), gettext_lazy("dropped out")),
    Wanted("net.rx_errors", gettext_lazy("errors in"), "warn"),
    Wanted("net.tx_errors", gettext_lazy("errors out"), "bad"),
)
WHOLE: tuple[Spec, ...] = (
    Spec("cpu", CPU, "cores", (Wanted("cpu.cores", gettext_lazy("in use"), "cpu", fill=True, band=True),), CPU),
    Spec(
        "load",
        gettext_lazy("Load"),
        "count",
        (
            Wanted("load.1", gettext_lazy("1 min"), "load"),
            Wanted("load.5", gettext_lazy("5 min"), "plum"),
            Wanted("load.15", gettext_lazy("15 min"), "other"),
        ),
        CPU,
    ),
    Spec(
        "memory",
        MEMORY,
        "bytes",
        (
            Wanted("memory.used", gettext_lazy("used"), "memory", fill=True),
            Wanted("memory.cache", gettext_lazy("file cache"), "cache"),
            Wanted("memory.available", gettext_lazy("available"), "cyan"),
        ),
        MEMORY,
        limit="memory.total",
    ),
    Spec("swap", gettext_lazy("Swap"), "bytes", (Wanted("swap.used", gettext_lazy("used"), "memory"),), MEMORY, True),
    Spec(
        "pressure",
        PRESSURE,
        "percent",
        (
            Wanted("pressure.cpu", CPU, "cpu"),
            Wanted("pressure.memory", MEMORY, "memory"),
            Wanted("pressure.io", DISKS, "write"),
        ),
        PRESSURE,
        note=gettext_lazy("Share of the last 10 seconds in which something had to wait."),
    ),
)
NIC: tuple[Spec, ...] = (
    Spec("net-bytes", gettext_lazy("%s: bytes"), "bytes/s", pair("net.rx_bytes", "net.tx_bytes"), NETWORK),
    Spec("net-packets", gettext_lazy("%s: packets"), "packets/s", pair("net.rx_packets", "net.tx_packets"), NETWORK),
    Spec(
        "net-lost",
        gettext_lazy("%s: dropped packets and errors"),
        "packets/s",
        LOST,
        NETWORK,
        optional=True,
    ),
)
CONNECTIONS: tuple[Spec, ...] = (
    Spec(
        "retransmissions",
        gettext_lazy("TCP segments sent again"),
        "per s",
        (Wanted("tcp.retransmissions", gettext_lazy("sent again"), "warn", band=True),),
        TCP,
    ),
    Spec(
        "retransmit-ratio",
        gettext_lazy("Share of TCP segments sent again"),
        "ratio",
        (Wanted("tcp.retransmit_ratio", gettext_lazy("of all"), "warn", band=True),),
        TCP,
    ),
    Spec(
        "conntrack",
        gettext_lazy("Tracked connections"),
        "percent",
        (Wanted("conntrack.percent", gettext_lazy("of the table"), "cyan"),),
        TCP,
    ),
    Spec(
        "conntrack-count",
        gettext_lazy("Tracked connections, number"),
        "count",
        (Wanted("conntrack.count", gettext_lazy("tracked"), "cyan"),),
        TCP,
    ),
)
DISK: tuple[Spec, ...] = (
    Spec(
        "disk-bytes",
        gettext_lazy("%s: bytes"),
        "bytes/s",
        pair("disk.read_bytes", "disk.write_bytes", READ, WRITE),
        DISKS,
    ),
    Spec(
        "disk-ops",
        gettext_lazy("%s: operations"),
        "ops/s",
        pair("disk.read_ops", "disk.write_ops", READ, WRITE),
        DISKS,
    ),
    Spec(
        "disk-busy",
        gettext_lazy("%s: busy"),
        "percent",
        (Wanted("disk.busy", gettext_lazy("of the time"), "write", band=True),),
        DISKS,
    ),
)
MOUNT: tuple[Spec, ...] = (
    Spec("fs", "%s", "bytes", (Wanted("fs.used", gettext_lazy("used"), "plum", fill=True),), FILES, limit="fs.size"),
    Spec(
        "inodes",
        gettext_lazy("%s: inodes"),
        "percent",
        (Wanted("fs.inodes_percent", gettext_lazy("used"), "plum"),),
        FILES,
    ),
)
REST: tuple[Spec, ...] = (
    Spec(
        "processes",
        gettext_lazy("Processes"),
        "count",
        (Wanted("processes", gettext_lazy("processes"), "count"),),
        OTHER,
    ),
    Spec(
        "collector-cpu",
        gettext_lazy("CPU of the collector"),
        "cores",
        (Wanted("collector.cpu", gettext_lazy("in use"), "cpu"),),
        OTHER,
    ),
    Spec(
        "collector-memory",
        gettext_lazy("Memory of the collector"),
        "bytes",
        (Wanted("collector.memory", gettext_lazy("in use"), "memory"),),
        OTHER,
    ),
)


def nics(names: Sequence[str]) -> list[str]:
    """Interfaces in an order that stays. (Neither lo nor the ends of containers are among them: no collector tells of those.)"""
    return sorted(charts.devices(names, "net.rx_bytes"))


def specs(names: Sequence[str]) -> Iterator[Spec]:
    """The charts of a host that has these metrics, in the order of the page."""
    yield from WHOLE
    yield from _each(NIC, nics(names))
    if "net.rx_bytes" in names:
        yield from (replace(spec, title=str(spec.title).replace("%s", _("All"))) for spec in NIC)
    yield from CONNECTIONS
    yield from _each(DISK, charts.devices(names, "disk.read_bytes"))
    yield from _each(MOUNT, charts.devices(names, "fs.used"))
    yield from REST


def _each(wanted: Sequence[Spec], devices: Sequence[str]) -> Iterator[Spec]:
    for device in devices[:MOST_DEVICES]:
        for spec in wanted:
            yield spec.of_device(device, str(spec.title).replace("%s", device))


def sheet(host: Host, span: Range, points: int) -> Sheet:
    """All charts of a host that have something to show."""
    subject = f"host:{host.pk}"
    look = metrics.look([subject], span.start, span.end, points=points)
    latest = board.newest([subject])
    known = look.names(subject)

    def made(rows: Sequence[Spec]) -> list[Chart]:
        return _drawn(host, rows, board.of_look(look, charts.metrics_of(rows), span, points, latest))

    wanted = charts.by_heading(spec for spec in specs(known) if any(w.metric in known for w in spec.wanted))
    parts: list[Part] = [(title, partial(made, rows)) for title, rows in wanted.items()]
    return Sheet(parts, board.last_of(latest))


def _drawn(host: Host, wanted: Sequence[Spec], found: board.Board) -> list[Chart]:
    subject = f"host:{host.pk}"
    cores = [Limit(_("cores"), float(host.cpus))] if host.cpus else []
    drawn = [
        charts.draw(
            spec,
            found.of(subject),
            found.grid,
            found.span,
            now=found.now(subject),
            limits=cores if spec.key in {"cpu", "load"} else (),
            limit_label=_("size") if spec.key.startswith("fs") else _("all"),
        )
        for spec in wanted
    ]
    return [chart for chart in drawn if chart is not None]
