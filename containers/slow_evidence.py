"""Gathers what «why is it slow?» judges: the instance's samples, its host's, its neighbours', and what was changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse

from containers import charts
from containers.models import Instance, InstanceEvent
from containers.slow import Change, Evidence, Growth, Neighbour, busiest, stat
from xqplatform import metrics
from xqplatform.audit import sentences
from xqplatform.audit.models import Event
from xqplatform.metrics.charts import split_devices
from xqplatform.metrics.ranges import Range

OWN = ("cpu.percent", "cpu.cores", "cpu.throttled_time", "memory.percent", "memory.working_set", "memory.failcnt",
       "memory.oom_kills", "memory.limit", "processes", "restarts", "net.rx_dropped", "net.tx_dropped", "net.rx_packets", "net.tx_packets",
       "tcp.close_wait", "blkio.read_bytes", "blkio.write_bytes", "blkio.read_ops", "blkio.write_ops")  # fmt: skip
HOST = ("cpu.percent", "pressure.cpu", "pressure.memory", "pressure.io", "memory.used", "memory.total",
        "tcp.retransmit_ratio", "conntrack.percent")  # fmt: skip
POINTS = 120
NEIGHBOURS = 200
AROUND = timedelta(hours=1)  # before and after a release, for comparing
BEFORE = timedelta(hours=1)  # what was changed a little before the range counts, too
MOST_CHANGES = 40
QUIET = ("host.waive", "host.unwaive", "host.profile", "host.command", "host.group", "host.ssh", "host.create")


def gather(instance: Instance, span: Range) -> Evidence:
    subject, host = f"instance:{instance.pk}", f"host:{instance.host_id}"
    found = Evidence(host_name=instance.host.name)
    found.own_url = f"{reverse('containers:instance_charts', args=[instance.pk])}?{span.query}"
    found.host_url = f"{reverse('hosts:host_charts', args=[instance.host.name])}?{span.query}"
    own = {s.metric: s.points for s in metrics.series([subject], OWN, span.start, span.end, points=POINTS)}
    found.own = {name: one for name, points in own.items() if (one := stat(points)) is not None}
    busy = split_devices(metrics.names(host, span.start, span.end), "disk.busy")
    rows = metrics.series([host], [*HOST, *busy], span.start, span.end, points=POINTS)
    found.host = {row.metric: mean for row in rows if (mean := stat(row.points)) is not None}
    if (disk := busiest(found.host)) is not None:
        found.host["disk.busiest"] = disk
    _limits(found, instance)
    _kills(found, instance, span, own)
    _neighbours(found, instance, span)
    found.changes = changes(instance, span)
    found.growths = growths(instance, span)
    return found


def _limits(found: Evidence, instance: Instance) -> None:
    config = charts.settings_of(instance)
    if config is None:
        return
    found.cpu_limit, found.pids_limit = config.cpus, float(config.pids)
    # What was measured counts, not what newer settings say.
    found.memory_limit = found.own["memory.limit"].max if "memory.limit" in found.own else float(config.memory)
    rates = {"blkio.read_bytes": config.io_read_bps, "blkio.write_bytes": config.io_write_bps}
    rates |= {"blkio.read_ops": config.io_read_iops, "blkio.write_ops": config.io_write_iops}
    found.disk_limits = {name: float(value) for name, value in rates.items() if value}


def _kills(found: Evidence, instance: Instance, span: Range, own: dict[str, Any]) -> None:
    """Both witnesses may miss one: the engine's events and the collector's count. The larger number counts."""
    first, last = (datetime.fromtimestamp(t, tz=UTC) for t in (span.start, span.end))
    events = list(instance.happened.filter(kind=InstanceEvent.Kind.OOM, last__gte=first, time__lte=last))
    counted = sum(p.avg * p.count for p in own.get("memory.oom_kills", ()))
    found.oom_kills = max(sum(event.count for event in events), round(counted))
    found.last_oom = max((event.last.timestamp() for event in events), default=0.0)
    found.restarts = round(sum(p.avg * p.count for p in own.get("restarts", ())))  # each sample says those of its tick


def _neighbours(found: Evidence, instance: Instance, span: Range) -> None:
    """What the others on the host use, as a share of the host."""
    rows = (
        Instance.objects.filter(host_id=instance.host_id, removed=None)
        .exclude(pk=instance.pk)
        .select_related("place__service", "place__environment")[:NEIGHBOURS]
    )
    by = {f"instance:{row.pk}": row for row in rows}
    wanted = ["cpu.cores", "blkio.read_bytes", "blkio.write_bytes"]
    means: dict[str, dict[str, float]] = {}
    for one in metrics.series(list(by), wanted, span.start, span.end, points=20):
        mean = stat(one.points)
        if mean is not None:
            means.setdefault(one.subject, {})[one.metric] = mean.avg
    cpu = {subject: values.get("cpu.cores", 0.0) for subject, values in means.items()}
    disk = {s: v.get("blkio.read_bytes", 0.0) + v.get("blkio.write_bytes", 0.0) for s, v in means.items()}
    mine = sum(found.own[name].avg for name in wanted[1:] if name in found.own)
    found.cpu_neighbours = _ranked(by, cpu, float(instance.host.cpus or 0))
    found.disk_neighbours = _ranked(by, disk, sum(disk.values()) + mine)


def _ranked(by: dict[str, Instance], values: dict[str, float], whole: float) -> list[Neighbour]:
    order = sorted(values.items(), key=lambda pair: -pair[1])[:10]
    return [
        Neighbour(
            by[subject].name,
            reverse("containers:instance_charts", args=[by[subject].pk]),
            value,
            value / whole if whole > 0 else 0.0,
        )
        for subject, value in order
        if value > 0
    ]


def changes(instance: Instance, span: Range) -> list[Change]:
    """Releases, settings, and what was done to its host, from the audit log; newest first."""
    place, host = instance.place, instance.host
    first = datetime.fromtimestamp(span.start, tz=UTC) - BEFORE
    last = datetime.fromtimestamp(span.end, tz=UTC)
    deployments = [
        str(pk) for pk in place.deployments.filter(created__gte=first - AROUND).values_list("pk", flat=True)[:50]
    ]
    about = Q(object_type="containers.serviceenvironment", object_id=str(place.pk))
    about |= Q(object_type="containers.instance", object_id=str(instance.pk))
    about |= Q(object_type="containers.deployment", object_id__in=deployments)
    of_host = Q(object_type="hosts.host", object_id=str(host.pk))
    events = Event.objects.filter(about | of_host, time__gte=first, time__lte=last, denied=False).order_by("-time")[
        :MOST_CHANGES
    ]
    return [_change(event) for event in events if not event.action.startswith(QUIET)]


def _change(event: Event) -> Change:
    kind = (
        "host" if event.object_type == "hosts.host" else "settings" if event.action == "service.config" else "release"
    )
    words = f"{event.actor} {sentences.verb(event)} {event.object_name}".strip()
    if event.reason:
        words = f"{words}: {event.reason[:120]}"
    return Change(event.time.timestamp(), kind, words, sentences.link(event))


def growths(instance: Instance, span: Range) -> list[Growth]:
    """CPU and memory an hour before and after the last release in the range, where both sides were measured."""
    marks = [m for m in charts.marks_of(instance, span) if m.kind == "release"]
    if not marks:
        return []
    mark, subject, hour = marks[-1], f"instance:{instance.pk}", AROUND.total_seconds()
    names = ["cpu.cores", "memory.working_set"]
    before = _means(subject, names, mark.time - hour, mark.time - 10)
    # The first minutes after a start are not how it runs.
    after = _means(subject, names, min(mark.time + 120, span.end), min(mark.time + hour, span.end))
    words = mark.label.split(" · ")[0].split(",")[0]
    return [
        Growth(name, before[name], after[name], words, mark.url) for name in names if name in before and name in after
    ]


def _means(subject: str, names: Sequence[str], start: float, end: float) -> dict[str, float]:
    if end <= start:
        return {}
    rows = metrics.series([subject], names, start, end, points=60)
    return {s.metric: one.avg for s in rows if (one := stat(s.points)) is not None}
