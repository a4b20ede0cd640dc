"""A day of the metrics store becomes rows, a portion of hosts or places at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time

from containers.capacity import figures, offered
from containers.capacity.committed import Promised
from containers.capacity.models import HostDay, PlaceDay
from hosts.models import Host
from xqplatform import metrics
from xqplatform.metrics import catalogue
from xqplatform.metrics.levels import DAY, TEN_MINUTES
from xqplatform.metrics.points import Point

# By pieces of ten minutes a day is one row of the store a subject, by finer ones 24.
PIECES = DAY // TEN_MINUTES
CPU, USED, WORKING_SET = "cpu.cores", "memory.used", "memory.working_set"
THROTTLED, OOMS = "cpu.throttled_time", "memory.oom_kills"
OF_INSTANCES = (CPU, WORKING_SET, THROTTLED, OOMS)


def bounds(day: date) -> tuple[float, float]:
    """In seconds since 1970; by UTC."""
    start = datetime.combine(day, time.min, UTC).timestamp()
    return start, start + DAY


def hosts(day: date, rows: Sequence[Host], promised: Mapping[int, Promised]) -> list[HostDay]:
    look = metrics.look([f"host:{host.pk}" for host in rows], *bounds(day), points=PIECES)
    names = {host.pk: _of_disk(host, look.names(f"host:{host.pk}")) for host in rows}
    wanted = {CPU, USED, *(name for pair in names.values() for name in pair)}
    points: dict[str, dict[str, list[Point]]] = defaultdict(dict)
    for one in look.series(sorted(wanted)):
        points[one.subject][one.metric] = one.points
    return [_host(day, host, names[host.pk], points[f"host:{host.pk}"], promised) for host in rows]


def _of_disk(host: Host, names: Sequence[str]) -> tuple[str, ...]:
    """Size and use of the file system that the engine's data lies on."""
    mounts = {mount for base, mount in map(catalogue.split, names) if base == "fs.size"}
    mount = figures.mount_of(host.data_root, mounts)
    return () if mount is None else (f"fs.size[{mount}]", f"fs.used[{mount}]")


def _host(
    day: date,
    host: Host,
    disk: Sequence[str],
    points: Mapping[str, Sequence[Point]],
    promised: Mapping[int, Promised],
) -> HostDay:
    cpu, memory = (figures.of_points(points.get(name, ())) for name in (CPU, USED))
    ends = [points[name][-1].avg for name in disk if points.get(name)]
    total, used = map(round, ends) if len(ends) == 2 else (None, None)
    room, given = offered.of_host(host), promised.get(host.pk, Promised())
    return HostDay(
        day=day,
        host_id=host.pk,
        group_id=None if host.group is None else host.group.pk,
        cpus=host.cpus,
        memory=host.memory,
        cpus_allocatable=room.cpus,
        memory_allocatable=room.memory,
        cpus_committed=given.cpus,
        memory_committed=given.memory,
        instances=given.instances,
        **_used(cpu, memory),
        disk_total=total,
        disk_used=used,
    )


def _used(cpu: figures.Used, memory: figures.Used) -> dict[str, float | int | None]:
    """The columns of `models.Used`."""
    of_cpu = {f"cpu_{name}": getattr(cpu, name) for name in ("p50", "p95", "max")}
    return of_cpu | {f"memory_{name}": figures.whole(getattr(memory, name)) for name in ("p50", "p95", "max")}


def places(day: date, instances: Mapping[int, Sequence[int]], promised: Mapping[int, Promised]) -> list[PlaceDay]:
    """`instances`: place → those that stood there at some time of the day."""
    subjects = {f"instance:{pk}": place for place, held in instances.items() for pk in held}
    points: dict[tuple[int, str], list[list[Point]]] = defaultdict(list)
    if subjects:
        look = metrics.look([*subjects], *bounds(day), points=PIECES, metrics=OF_INSTANCES)
        for one in look.series(OF_INSTANCES):
            points[subjects[one.subject], one.metric].append(one.points)
    return [_place(day, place, points, promised.get(place, Promised())) for place in instances]


def _place(
    day: date, place: int, points: Mapping[tuple[int, str], Sequence[Sequence[Point]]], given: Promised
) -> PlaceDay:
    cpus, memories = points.get((place, CPU), ()), points.get((place, WORKING_SET), ())
    cpu, memory = figures.together(cpus), figures.together(memories)
    return PlaceDay(
        day=day,
        place_id=place,
        instances=given.instances,
        cpus_limit=given.cpus,
        memory_limit=given.memory,
        **_used(cpu, memory),
        cpu_p99=cpu.p99,
        memory_p99=figures.whole(memory.p99),
        cpu_one_p99=figures.highest_p99(cpus),
        memory_one_p99=figures.whole(figures.highest_p99(memories)),
        memory_one_max=figures.whole(figures.highest_sample(memories)),
        throttled=figures.throttled(points.get((place, THROTTLED), ())),
        oom_kills=figures.counted(points.get((place, OOMS), ())),
    )
