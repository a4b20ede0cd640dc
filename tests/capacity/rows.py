"""Rolled-up days for tests of what reads them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.utils import timezone

from containers.capacity import offered, spans, sums
from containers.capacity.committed import Committed, by_host, by_place
from containers.capacity.models import Day, HostDay, PlaceDay, SegmentDay, SumDay
from hosts.models import Host, Segment

GIB = 1 << 30


def yesterday() -> date:
    return (timezone.now() - timedelta(days=1)).astimezone(UTC).date()


def make_days(count: int, level: Callable[[int], float | None] = lambda n: 0.5, *, segment: float = 1.0) -> None:
    """The last so many days of all hosts, places and segments; `level`: the share of each host that was used on the n-th day, None where
    nothing was measured. `segment`: addresses that go a day.
    """
    given = Committed(by_host(), by_place())
    hosts = list(Host.objects.select_related("group"))
    for n in range(count):
        day = yesterday() - timedelta(days=count - 1 - n)
        part = level(n)
        HostDay.objects.bulk_create([_host(day, host, part, given) for host in hosts])
        PlaceDay.objects.bulk_create([_place(day, pk, part, given) for pk in given.places])
        SegmentDay.objects.bulk_create(
            [
                SegmentDay(day=day, segment=one, total=200, taken=round(50 + segment * n))
                for one in Segment.objects.all()
            ]
        )
        SumDay.objects.bulk_create([*sums.of_hosts(day), *sums.of_places(day)])
        Day.objects.create(day=day, made=datetime.combine(day + timedelta(days=1), time(1), UTC))
    spans.refresh()


def _used(part: float | None, cpus: float, memory: int) -> dict[str, Any]:
    if part is None:
        return {}
    cpu, held = part * cpus, int(part * memory)
    return {
        "cpu_p50": cpu / 2, "cpu_p95": cpu, "cpu_max": cpu * 1.25, "memory_p50": held // 2, "memory_p95": held, "memory_max": held,
    }  # fmt: skip


def _host(day: date, host: Host, part: float | None, given: Any) -> HostDay:
    room, promised = offered.of_host(host), given.hosts[host.pk]
    return HostDay(
        day=day, host=host, group=host.group, cpus=host.cpus, memory=host.memory, cpus_allocatable=room.cpus, memory_allocatable=room.memory,
        cpus_committed=promised.cpus, memory_committed=promised.memory, instances=promised.instances,
        disk_total=None if part is None else 100 * GIB, disk_used=None if part is None else int(part * 100 * GIB),
        **_used(part, host.cpus, host.memory),
    )  # fmt: skip


def _place(day: date, pk: int, part: float | None, given: Any) -> PlaceDay:
    promised = given.places[pk]
    return PlaceDay(
        day=day, place_id=pk, instances=promised.instances, cpus_limit=promised.cpus, memory_limit=promised.memory,
        **_used(part, promised.cpus, promised.memory),
    )  # fmt: skip
