"""Which charts an instance has: it is the instance that is measured, across its releases; and those of all of a place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.config import Config, parse
from containers.models import Container, Deployment, Instance, InstanceEvent, ServiceEnvironment, Step
from hosts.charts import FILES, LOST, READ, WRITE, pair
from xqplatform import metrics
from xqplatform.metrics import Band, Series, board, catalogue, charts
from xqplatform.metrics.charts import Chart, Life, Limit, Line, Mark, Spec, Wanted
from xqplatform.metrics.pages import Part, Sheet
from xqplatform.metrics.ranges import Range

MOST_DEVICES = 6
MOST_MARKS = 80
# (instances, from, to) → marks of what happened to them, the oldest first.
MARKS: list[Callable[[QuerySet[Instance], datetime, datetime], list[Mark]]] = []
MOST_EACH = 40  # instances that are drawn one by one on the page of a place
MOST_VALUES = 4000  # of one chart there
CPU, MEMORY, NETWORK = gettext_lazy("CPU"), gettext_lazy("Memory"), gettext_lazy("Network")
DISKS, PROCESSES, APP = gettext_lazy("Disks"), gettext_lazy("Processes and connections"), gettext_lazy("Application")


def disk(in_bytes: object, in_operations: object) -> tuple[Spec, ...]:
    """What is read and written, of all disks together or of one; the titles of both charts."""
    return (
        Spec("blkio-bytes", in_bytes, "bytes/s", pair("blkio.read_bytes", "blkio.write_bytes", READ, WRITE), DISKS),
        Spec("blkio-ops", in_operations, "ops/s", pair("blkio.read_ops", "blkio.write_ops", READ, WRITE), DISKS),
    )


INSTANCE: tuple[Spec, ...] = (
    Spec("cpu", CPU, "cores", (Wanted("cpu.cores", gettext_lazy("in use"), "cpu", fill=True, band=True),), CPU),
    Spec(
        "throttled",
        gettext_lazy("Held back by the CPU limit"),
        "ratio",
        (Wanted("cpu.throttled_time", gettext_lazy("of the time"), "warn", fill=True, band=True),),
        CPU,
        note=gettext_lazy("Seconds a second in which threads that could run had to wait for the next period."),
    ),
    Spec(
        "throttled-periods",
        gettext_lazy("Periods at the CPU limit"),
        "per s",
        (Wanted("cpu.throttled_periods", gettext_lazy("periods"), "warn"),),
        CPU,
        optional=True,
        note=gettext_lazy("Of the 10 periods of 100 ms that a second has."),
    ),
    Spec(
        "memory",
        MEMORY,
        "bytes",
        (
            Wanted("memory.working_set", gettext_lazy("working set"), "memory", fill=True),
            Wanted("memory.usage", gettext_lazy("with file cache"), "usage"),
            Wanted("memory.cache", gettext_lazy("file cache"), "cache"),
        ),
        MEMORY,
        limit="memory.limit",
        note=gettext_lazy("The working set is what cannot be given back when memory is short; it is what counts."),
    ),
    Spec(
        "memory-failcnt",
        gettext_lazy("Allocations that met the limit"),
        "per s",
        (Wanted("memory.failcnt", gettext_lazy("met the limit"), "warn"),),
        MEMORY,
        optional=True,
    ),
    Spec("net-bytes", gettext_lazy("Network: bytes"), "bytes/s", pair("net.rx_bytes", "net.tx_bytes"), NETWORK),
    Spec(
        "net-packets",
        gettext_lazy("Network: packets"),
        "packets/s",
        pair("net.rx_packets", "net.tx_packets"),
        NETWORK,
    ),
    Spec(
        "net-lost",
        gettext_lazy("Network: dropped packets and errors"),
        "packets/s",
        LOST,
        NETWORK,
    ),
    *disk(gettext_lazy("All disks: bytes"), gettext_lazy("All disks: operations")),
)
DEVICE = disk(gettext_lazy("%s: bytes"), gettext_lazy("%s: operations"))
REST: tuple[Spec, ...] = (
    Spec(
        "tcp",
        gettext_lazy("TCP connections"),
        "count",
        (
            Wanted("tcp.established", gettext_lazy("established"), "in"),
            Wanted("tcp.listen", gettext_lazy("listening"), "cyan"),
            Wanted("tcp.time_wait", "TIME_WAIT", "cache"),
            Wanted("tcp.close_wait", "CLOSE_WAIT", "out"),
            Wanted("tcp.other", gettext_lazy("other"), "plum"),
        ),
        PROCESSES,
    ),
    Spec(
        "processes",
        gettext_lazy("Processes"),
        "count",
        (Wanted("processes", gettext_lazy("processes"), "count"),),
        PROCESSES,
    ),
    Spec(
        "restarts",
        gettext_lazy("Restarts"),
        "count",
        (Wanted("restarts", gettext_lazy("restarts"), "bad", total=True),),
        PROCESSES,
        optional=True,
    ),
)


# What is mounted: the root, volumes. Only some runtimes tell it.
ROOM = Spec("fs", "%s", "bytes", (Wanted("fs.used", gettext_lazy("used"), "plum", fill=True),), FILES, limit="fs.size")


def specs(names: Sequence[str]) -> Iterator[Spec]:
    """The charts of an instance that has these metrics, in the order of the page."""
    yield from INSTANCE
    for device in charts.devices(names, "blkio.read_bytes")[:MOST_DEVICES]:
        for spec in DEVICE:
            yield spec.of_device(device, str(spec.title).replace("%s", device))
    for mount in charts.devices(names, "fs.used")[:MOST_DEVICES]:
        yield ROOM.of_device(mount, mount)
    yield from REST
    yield from own(names)


def own(names: Iterable[str]) -> Iterator[Spec]:
    """What the application itself pushed; a chart each."""
    for name in sorted(n for n in names if n.startswith(catalogue.APP))[:24]:
        title = name.removeprefix(catalogue.APP)
        yield Spec(name.replace(".", "-"), title, catalogue.find(name).unit, (Wanted(name, title, "cpu"),), APP)


def settings_of(instance: Instance) -> Config | None:
    """What its container runs with, else what its place has; None before the first release."""
    current = instance.current
    config = current.config if current is not None and current.config is not None else instance.place.current_config
    return parse(config.content) if config is not None else None


@dataclass
class Scene:
    """What all charts of an instance share."""

    instance: Instance
    span: Range
    points: int
    look: metrics.Look
    latest: board.Latest
    limits: dict[str, list[Limit]]
    marks: list[Mark]
    lives: list[Life]


def instance_sheet(instance: Instance, span: Range, points: int) -> Sheet:
    """All charts of an instance that have something to show, with what happened to it."""
    subject = f"instance:{instance.pk}"
    look = metrics.look([subject], span.start, span.end, points=points)
    known = look.names(subject)
    marks = marks_of(instance, span, look.series(["memory.oom_kills"]))
    latest = board.newest([subject])
    scene = Scene(
        instance, span, points, look, latest, limits_of(settings_of(instance)), marks, lives_of(instance, span)
    )
    wanted = charts.by_heading(spec for spec in specs(known) if any(w.metric in known for w in spec.wanted))
    return Sheet([(title, partial(_drawn, scene, rows)) for title, rows in wanted.items()], board.last_of(latest))


def _drawn(scene: Scene, wanted: Sequence[Spec]) -> list[Chart]:
    subject = f"instance:{scene.instance.pk}"
    found = board.of_look(scene.look, charts.metrics_of(wanted), scene.span, scene.points, scene.latest)
    drawn = [
        charts.draw(
            spec,
            found.of(subject),
            found.grid,
            scene.span,
            now=found.now(subject),
            limits=scene.limits.get(spec.key, ()),
            limit_label=_("limit"),
            marks=scene.marks,
            lives=scene.lives if spec.key in {"cpu", "memory"} else (),
        )
        for spec in wanted
    ]
    return [chart for chart in drawn if chart is not None]


def limits_of(config: Config | None) -> dict[str, list[Limit]]:
    """Limits of the settings by the chart that they belong to; that of memory is measured."""
    if config is None:
        return {}
    found = {"cpu": [Limit(_("limit"), config.cpus)]} if config.cpus else {}
    if config.pids:
        found["processes"] = [Limit(_("limit"), float(config.pids))]
    return found


def when(moment: datetime) -> float:
    return moment.timestamp()


def marks_of(instance: Instance, span: Range, kills: Iterable[Series] = ()) -> list[Mark]:
    """Releases that touched it, kills for lack of memory and changed limits, oldest first."""
    first, last = (datetime.fromtimestamp(t, tz=UTC) for t in (span.start, span.end))
    steps = (
        instance.steps.filter(deployment__created__lte=last)
        .filter(Q(deployment__finished__gte=first) | Q(deployment__finished=None))
        .exclude(state__in=[Step.State.WAITING, Step.State.SKIPPED])
        .select_related("deployment__image", "deployment__place")
        .order_by("-id")[:MOST_MARKS]
    )
    found = [Mark(_step_time(s), "release", _release_words(s.deployment), _url(s.deployment)) for s in steps]
    happened = instance.happened.exclude(kind=InstanceEvent.Kind.RESTART)  # restarts have a chart of their own
    happened = happened.filter(last__gte=first, time__lte=last)[:MOST_MARKS]
    for event in happened:
        kind = "oom" if event.kind == InstanceEvent.Kind.OOM else "limits"
        words = f"{event.get_kind_display()}: {event.text}"
        moments = {when(event.time), when(event.last)} if event.count > 1 else {when(event.time)}
        found += [Mark(moment, kind, words, f"{_page(instance)}#happened") for moment in moments]
    known = [m.time for m in found if m.kind == "oom"]
    for series in kills:
        # What the collector counted and nobody told of: the kill of a process that was not the first.
        for point in series.points:
            if point.max >= 1 and all(abs(point.time - moment) > max(120.0, 1.5 * series.level) for moment in known):
                words = _("out of memory: the kernel killed a process")
                found.append(Mark(point.time, "oom", words, f"{_page(instance)}#happened"))
    found += _more(Instance.objects.filter(pk=instance.pk), first, last)
    return sorted((m for m in found if span.start <= m.time <= span.end), key=lambda m: m.time)[-MOST_MARKS:]


def _more(instances: QuerySet[Instance], first: datetime, last: datetime) -> list[Mark]:
    """What other apps mark of these instances."""
    return [mark for one in MARKS for mark in one(instances, first, last)[-MOST_MARKS:]]


def _page(instance: Instance) -> str:
    return reverse("containers:instance", args=[instance.pk])


def _url(deployment: Deployment) -> str:
    return reverse("containers:release", args=[deployment.pk])


def _step_time(step: Step) -> float:
    """When the release touched the instance."""
    for name in ("start", "create", "limits", "stop"):
        times = step.times.get(name)
        if times and times[0]:
            return float(times[0])
    return when(step.deployment.started or step.deployment.created)


def _release_words(deployment: Deployment) -> str:
    """«#12 release · snow:1445589786_fd63ea39_prod_java8V16, dan: Quote cache keeps the last price»."""
    parts = [f"#{deployment.pk} {deployment.get_kind_display()}"]
    if deployment.image is not None and deployment.kind == Deployment.Kind.DEPLOY:
        parts.append(deployment.image.tag)
    words = " · ".join(parts)
    if deployment.created_name:
        words = f"{words}, {deployment.created_name}"
    return f"{words}: {deployment.reason[:120]}" if deployment.reason else words


def lives_of(instance: Instance, span: Range) -> list[Life]:
    """The containers that ran in it in the range, oldest first."""
    first, last = (datetime.fromtimestamp(t, tz=UTC) for t in (span.start, span.end))
    rows = (
        Container.objects.filter(instance=instance, started__lte=last)
        .filter(Q(ended=None) | Q(ended__gte=first))
        .select_related("image", "host")
        .order_by("started")[:MOST_MARKS]
    )
    return [
        Life(
            when(row.started),
            when(row.ended) if row.ended else None,
            " · ".join(
                part for part in (row.engine_id[:12], row.image.tag if row.image else "", row.host.name) if part
            ),
            f"{_page(instance)}#c-{row.pk}",
        )
        for row in rows
        if row.started
    ]


# All instances of a place together ----------------------------------------------------------------------------------

PLACE: tuple[Spec, ...] = (
    Spec("cpu", CPU, "cores", (Wanted("cpu.cores", "", "cpu"),), CPU),
    Spec(
        "throttled",
        gettext_lazy("Held back by the CPU limit"),
        "ratio",
        (Wanted("cpu.throttled_time", "", "warn"),),
        CPU,
    ),
    Spec("memory", gettext_lazy("Working set"), "bytes", (Wanted("memory.working_set", "", "memory"),), MEMORY),
    Spec("packets-in", gettext_lazy("Packets in"), "packets/s", (Wanted("net.rx_packets", "", "in"),), NETWORK),
    Spec("packets-out", gettext_lazy("Packets out"), "packets/s", (Wanted("net.tx_packets", "", "out"),), NETWORK),
    Spec("bytes-in", gettext_lazy("Bytes in"), "bytes/s", (Wanted("net.rx_bytes", "", "in"),), NETWORK),
    Spec("bytes-out", gettext_lazy("Bytes out"), "bytes/s", (Wanted("net.tx_bytes", "", "out"),), NETWORK),
    Spec("disk-read", gettext_lazy("Read from disks"), "bytes/s", (Wanted("blkio.read_bytes", "", "read"),), DISKS),
    Spec("disk-written", gettext_lazy("Written to disks"), "bytes/s", (Wanted("blkio.write_bytes", "", "write"),), DISKS),
    Spec("tcp", gettext_lazy("Established TCP connections"), "count", (Wanted("tcp.established", "", "in"),), PROCESSES),
    Spec("processes", gettext_lazy("Processes"), "count", (Wanted("processes", "", "count"),), PROCESSES),
)  # fmt: skip


def instances_in(place: ServiceEnvironment, span: Range) -> list[Instance]:
    """Those that stood in the range, by number."""
    first, last = (datetime.fromtimestamp(t, tz=UTC) for t in (span.start, span.end))
    rows = place.instances.filter(Q(removed=None) | Q(removed__gte=first), created__lte=last)
    return list(rows.order_by("number", "id"))


def counted(rows: Sequence[Instance]) -> dict[str, int]:
    """How many there are, and how many of them are drawn one by one."""
    return {"count": len(rows), "each": len(rows[:MOST_EACH])}


def place_sheet(place: ServiceEnvironment, rows: Sequence[Instance], span: Range, points: int) -> Sheet:
    """Lowest, mean and highest of all these instances as a band, and each by itself while they are not too many."""
    each = rows[:MOST_EACH]
    subjects = [f"instance:{row.pk}" for row in each]
    known = metrics.names(subjects[0], span.start, span.end) if subjects else []
    wanted = [*PLACE, *own(known)]
    fewer = max(60, min(points, MOST_VALUES // max(1, len(each) + 3)))
    latest = board.newest(subjects)
    config = parse(place.current_config.content) if place.current_config is not None else None
    limits = limits_of(config)
    if config is not None:
        limits["memory"] = [Limit(_("limit"), float(config.memory))]
    marks = place_marks(place, span)

    names = charts.metrics_of(wanted)
    # Read once for all charts, when the first of them is drawn: the page's frame is on its way by then.
    look = cache(lambda: metrics.look(subjects, span.start, span.end, points=fewer, metrics=names))
    everybody = [f"instance:{row.pk}" for row in rows]
    bands = cache(lambda count: metrics.bands(everybody, names, span.start, span.end, count))

    def made(specs: Sequence[Spec]) -> list[Chart]:
        found = board.of_look(look(), charts.metrics_of(specs), span, fewer, latest)
        over = bands(found.grid.count) if len(rows) > MOST_EACH else {}
        drawn = [_of_place(spec, each, found, limits.get(spec.key, []), marks, over=over) for spec in specs]
        return [chart for chart in drawn if chart is not None]

    parts: list[Part] = [(title, partial(made, specs)) for title, specs in charts.by_heading(wanted).items()]
    return Sheet(parts if subjects else [], board.last_of(latest))


def _of_place(
    spec: Spec,
    each: Sequence[Instance],
    found: board.Board,
    limits: list[Limit],
    marks: Sequence[Mark],
    *,
    over: Mapping[str, Band],
) -> Chart | None:
    """The chart of one metric; `over`: the bands of all instances, where not each is drawn."""
    metric = spec.wanted[0].metric
    lines = []
    for row in each:
        points = found.of(f"instance:{row.pk}").get(metric)
        if points:
            colour = f"i{(row.number - 1) % 10 + 1}"
            line = Line(
                f"{metric}/{row.number}", f"#{row.number}", colour, charts.column(points, found.grid), thin=True
            )
            line.now, line.url = found.now(f"instance:{row.pk}").get(metric), f"{_page(row)}charts/"
            lines.append(line)
    if not lines:
        return None
    mean = Line(metric, _("mean"), "ink")
    mean.low, mean.values, mean.high = charts.together([line.values for line in lines])
    if over:
        band = over[metric]
        mean.low, mean.values, mean.high = (
            charts.column([_One(p.time, getattr(p, of)) for p in band.points], found.grid) for of in ("min", "mean", "max")
        )  # fmt: skip
    return Chart(spec.key, str(spec.title), spec.unit, found.grid, found.span, [mean, *lines], limits, marks)


class _One:
    """A point with one value."""

    def __init__(self, time: float, value: float) -> None:
        self.time = time
        self.avg = self.min = self.max = value
        self.count = 1


def place_marks(place: ServiceEnvironment, span: Range) -> list[Mark]:
    """When changes of the place began, and what other apps mark, oldest first."""
    first, last = (datetime.fromtimestamp(t, tz=UTC) for t in (span.start, span.end))
    rows = place.deployments.filter(started__gte=first, started__lte=last).select_related("image").order_by("-id")
    found = [Mark(when(d.started), "release", _release_words(d), _url(d)) for d in rows[:MOST_MARKS] if d.started]
    return sorted([*found, *_more(place.instances.all(), first, last)], key=lambda m: m.time)[-MOST_MARKS:]
