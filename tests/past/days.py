"""Daily roll-ups of the hosts, places and segments that there are, and what is added up of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import pi, sin
from typing import Any

from tests.bench.rows import put

GIB = 1 << 30
Share = tuple[float, float]


def until_yesterday(count: int) -> list[date]:
    """So many days (by UTC) that are over, the oldest first."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    return [last - timedelta(days=n) for n in reversed(range(count))]


def roll_ups(
    dice: random.Random, days: Sequence[date], cpu_used: Share = (0.3, 0.5), memory_used: Share = (0.39, 0.65)
) -> None:
    """The last day of each, and copies of it by the database: smaller the longer ago, with weeks in them.

    `cpu_used`, `memory_used`: between which shares of what a host has its p95 lies on the last day.
    """
    from django.db import connection, transaction

    from containers.capacity import offered
    from containers.capacity.committed import Committed, by_host, by_place
    from containers.capacity.models import HostDay, PlaceDay, SegmentDay
    from hosts.models import Host, Segment
    from hosts.services.addresses import figures

    given, last = Committed(by_host(), by_place()), days[-1]

    def host_row(host: Host) -> HostDay:
        promised, room = given.hosts[host.pk], offered.of_host(host)
        cpu, memory = dice.uniform(*cpu_used) * host.cpus, int(dice.uniform(*memory_used) * host.memory)
        disk = host.disk_total or 2000 * GIB
        return HostDay(
            day=last, host=host, group_id=host.group_id, cpus=host.cpus, memory=host.memory, cpus_allocatable=room.cpus, memory_allocatable=room.memory,
            cpus_committed=promised.cpus, memory_committed=promised.memory, instances=promised.instances, cpu_p50=cpu * 0.6, cpu_p95=cpu,
            cpu_max=cpu * 1.2, memory_p50=int(memory * 0.9), memory_p95=memory, memory_max=int(memory * 1.05), disk_total=disk,
            disk_used=int(dice.uniform(0.45, 0.75) * disk),
        )  # fmt: skip

    def place_row(pk: int, promised: Any) -> PlaceDay:
        cpu, memory = promised.cpus * dice.uniform(0.2, 0.5), int(promised.memory * dice.uniform(0.3, 0.7))
        return PlaceDay(
            day=last, place_id=pk, instances=promised.instances, cpus_limit=promised.cpus, memory_limit=promised.memory,
            cpu_p50=cpu * 0.6, cpu_p95=cpu, cpu_p99=cpu * 1.1, cpu_max=cpu * 1.2, memory_p50=int(memory * 0.9), memory_p95=memory,
            memory_p99=memory, memory_max=memory, cpu_one_p99=cpu / 8, memory_one_p99=memory // 8, memory_one_max=memory // 7,
            throttled=0.0, oom_kills=0,
        )  # fmt: skip

    put(HostDay, map(host_row, Host.objects.all()))
    put(PlaceDay, (place_row(pk, promised) for pk, promised in given.places.items()))
    for model in (HostDay, PlaceDay):
        names = [f.column for f in model._meta.concrete_fields if f.column not in {"id", "day"}]
        grown = [name for name in names if name.split("_")[0] in {"cpu", "memory", "disk", "cpus"} and "_" in name]
        still = {"disk_total", "cpus_allocatable", "memory_allocatable"}
        whole = {f.column for f in model._meta.concrete_fields if f.get_internal_type() == "BigIntegerField"}
        taken = [
            name
            if name not in grown or name in still
            else f"CAST({name} * %s AS bigint)"
            if name in whole
            else f"{name} * %s"
            for name in names
        ]
        sql = f"INSERT INTO {model._meta.db_table} (day, {', '.join(names)}) SELECT %s, {', '.join(taken)} FROM {model._meta.db_table} WHERE day = %s"
        with transaction.atomic(), connection.cursor() as cursor:
            for n, day in enumerate(days[:-1]):
                level = (0.6 + 0.4 * n / len(days)) * (1 + 0.08 * sin(2 * pi * n / 7)) * dice.uniform(0.97, 1.03)
                cursor.execute(sql, [day, *[level] * sum("%s" in one for one in taken), last])
    now = [(segment, figures(segment)) for segment in Segment.objects.all()]
    put(SegmentDay, (
        SegmentDay(day=day, segment=s, total=of.pool, taken=int((of.pool - of.free) * (0.5 + 0.5 * n / len(days))))
        for s, of in now for n, day in enumerate(days)
    ))  # fmt: skip


def added_up(days: Sequence[date]) -> None:
    from containers.capacity import spans, sums
    from containers.capacity.models import Day, SumDay

    for day in days:
        SumDay.objects.bulk_create([*sums.of_hosts(day), *sums.of_places(day)])
    ends = (datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(days=1) for day in days)
    Day.objects.bulk_create([Day(day=day, made=end) for day, end in zip(days, ends, strict=True)])
    spans.refresh()
