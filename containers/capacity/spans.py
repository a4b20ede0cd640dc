"""The last week, month, quarter and year of everything, made anew with each day: what would take a page too long to add up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from statistics import fmean, median
from typing import Any

from django.db import transaction
from django.db.models import Max

from containers.capacity import extended, figures
from containers.capacity.models import Day, HostDay, Of, PlaceDay, Span, SumDay
from containers.capacity.sums import OF_HOSTS, OF_PLACES, USED, summed
from containers.models import Environment, Service
from hosts.models import Host, HostGroup
from xqplatform import locks
from xqplatform.accounts.models import Team

STANDING = ("hosts", "instances", "cpus", "memory", "cpus_allocatable", "memory_allocatable", "cpus_committed", "memory_committed", "disk_total", "disk_used")  # fmt: skip
LOCK = 0x7871_0005  # of two rounds that end at once one puts its spans in the place of the other's


@dataclass(frozen=True)
class One:
    """A day of something."""

    day: date
    values: Mapping[str, Any]


def last_day() -> date | None:
    """The newest day that was rolled up."""
    return Day.objects.aggregate(last=Max("day"))["last"]


def is_behind() -> bool:
    """Whether a day was rolled up that no span has: whoever did it died before they were made."""
    return last_day() != Span.objects.aggregate(last=Max("until"))["last"] and SumDay.objects.exists()


def refresh() -> None:
    """Makes all spans anew; they end with the last day there is."""
    last = last_day()
    if last is None:
        return
    made = []
    for of, key, days in _all(last):
        if days[-1].day == last:  # what is not there any more has no line
            made += [_span(of, key, last, length, days) for length in Span.DAYS]
    _name(made)
    with transaction.atomic():
        locks.hold(LOCK)
        Span.objects.all().delete()
        Span.objects.bulk_create(made, batch_size=1000)


def _all(last: date) -> Iterator[tuple[Of, int, list[One]]]:
    """The days of each, the oldest first."""
    first = last - timedelta(days=max(Span.DAYS) - 1)
    ours = {"day__gte": first, "day__lte": last}
    added = SumDay.objects.filter(**ours).order_by("of", "key", "day")
    for (of, key), held in groupby(added.iterator(), lambda row: (row.of, row.key)):
        yield Of(of), key, [One(row.day, row.__dict__) for row in held]
    hosts = HostDay.objects.filter(**ours).exclude(host__state=Host.State.RETIRED).order_by("host", "day")
    fields = ("host", "day", *OF_HOSTS)
    yield from _keyed(
        Of.HOST, (dict(zip(fields, row, strict=True)) for row in hosts.values_list(*fields).iterator()), "host"
    )
    services = summed(PlaceDay.objects.filter(**ours), ["place__service", "day"], OF_PLACES)
    ordered = services.filter(place__service__removed=None).order_by("place__service", "day")
    rows = ({name.removeprefix("sum_"): value for name, value in row.items()} for row in ordered.iterator())
    yield from _keyed(Of.SERVICE, rows, "place__service")


def _keyed(of: Of, rows: Iterable[dict[str, Any]], key: str) -> Iterator[tuple[Of, int, list[One]]]:
    for pk, held in groupby(rows, lambda row: row[key]):
        yield of, int(pk), [One(row["day"], row) for row in held]


def _span(of: Of, key: int, last: date, length: int, days: Sequence[One]) -> Span:
    there = days[-1].values
    first = last - timedelta(days=length - 1)
    of_range = [one.values for one in days if one.day >= first]
    found: dict[str, Any] = {name: there[name] for name in STANDING if name in there}
    if of is Of.HOST:
        found["hosts"] = 1
    of_many = of in {Of.FLEET, Of.GROUP}
    for name in USED:
        values = (extended.used(row, name) if of_many else row[name] for row in of_range)
        found[name] = _over(name, sorted(value for value in values if value is not None))
    known = [row for row in of_range if row["cpu_p95"] is not None]
    if of_many and known:
        found["covered"] = fmean(extended.share(row, "cpu") for row in known)
    return Span(days=length, of=of, key=key, until=last, measured=len(known), **found)


def _over(name: str, ordered: Sequence[float]) -> float | int | None:
    """Of rising days."""
    if not ordered:
        return None
    which = name.rpartition("_")[2]
    value = median(ordered) if which == "p50" else figures.percentile(ordered, 0.95) if which == "p95" else ordered[-1]
    return round(value) if name.startswith("memory") else value


def _name(rows: Iterable[Span]) -> None:
    names: dict[str, dict[int, str]] = {
        Of.GROUP: {one.pk: str(one) for one in HostGroup.objects.all()},
        Of.HOST: dict(Host.objects.values_list("pk", "name")),
        Of.ENVIRONMENT: dict(Environment.objects.values_list("pk", "slug")),
        Of.TEAM: {one.pk: str(one) for one in Team.objects.all()},
        Of.SERVICE: dict(Service.objects.values_list("pk", "slug")),
    }
    for row in rows:
        row.name = names.get(row.of, {}).get(row.key, "")[:120]
