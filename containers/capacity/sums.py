"""What many hosts or places had and used on one day: sums by the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from containers.capacity.models import HostDay, Of, PlaceDay, SumDay

USED = ("cpu_p50", "cpu_p95", "cpu_max", "memory_p50", "memory_p95", "memory_max")
OF_HOSTS = (
    "instances", "cpus", "memory", "cpus_allocatable", "memory_allocatable", "cpus_committed", "memory_committed", *USED, "disk_total", "disk_used",
)  # fmt: skip
# A place's limits are what is committed to it.
OF_PLACES = {"instances": "instances", "cpus_committed": "cpus_limit", "memory_committed": "memory_limit"} | {
    name: name for name in USED
}


def summed(rows: QuerySet[Any], key: Iterable[str], fields: Mapping[str, str]) -> QuerySet[Any, dict[str, Any]]:
    """`sum_NAME` of each field by key, without an order."""
    return rows.order_by().values(*key).annotate(**{f"sum_{name}": Sum(field) for name, field in fields.items()})


def of_hosts(day: date) -> list[SumDay]:
    """By group, and all of them."""
    fields = {name: name for name in OF_HOSTS}
    found = []
    for of, key in ((Of.FLEET, "day"), (Of.GROUP, "group")):
        rows = summed(HostDay.objects.filter(day=day), [key], fields)
        measured = {
            f"sum_{name}_measured": Sum(name, filter=Q(**{f"{used}_p95__isnull": False}))
            for name, used in (("cpus", "cpu"), ("memory", "memory"))
        }
        for row in rows.annotate(n=Count("pk"), known=Count("cpu_p95"), **measured):
            number = 0 if of is Of.FLEET else row[key] or 0
            found.append(_row(day, of, number, row, hosts=row["n"]))
    return found


def of_places(day: date) -> list[SumDay]:
    """By environment and by team."""
    found = []
    held = Q(instances__gt=0)
    for of, key in ((Of.ENVIRONMENT, "place__environment"), (Of.TEAM, "place__service__team")):
        rows = summed(PlaceDay.objects.filter(day=day), [key], OF_PLACES)
        rows = rows.annotate(n=Count("pk", filter=held), known=Count("cpu_p95", filter=held))
        found += [_row(day, of, row[key] or 0, row) for row in rows]
    return found


def _row(day: date, of: Of, key: int, row: Mapping[str, Any], *, hosts: int = 0) -> SumDay:
    values = {name.removeprefix("sum_"): value for name, value in row.items() if name.startswith("sum_")}
    return SumDay(
        day=day, of=of, key=key, hosts=hosts, measured=row["known"] / row["n"] if row["n"] else None, **values
    )
