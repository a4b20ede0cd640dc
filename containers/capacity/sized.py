"""What places used within the last days, beside the limits they have: made with each day that is rolled up, and read by pages.

Limits that were changed since are another question to the same days: those places are read anew, as are all of them while
a day is not in what was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Sum

from containers.capacity.models import Day, PlaceDay, SizedDays
from containers.capacity.rightsizing import RANGES, Limits, Past
from containers.config import Config
from containers.models import ServiceEnvironment

DEFAULT = Config()
CONFIG = ("config__content__cpus", "config__content__memory")
AT_ONCE = 500  # places that are asked for by their keys


def limits(cpus: Any, memory: Any) -> Limits:
    """Of the newest settings; the defaults where they say none."""
    return Limits(float(cpus or DEFAULT.cpus), int(memory or DEFAULT.memory))


def refresh() -> list[int]:
    """Makes what is not of all days that are rolled up. Which ranges were made."""
    last, known = rolled_up()
    if last is None:
        return []
    current = set(SizedDays.objects.filter(known=known).values_list("days", flat=True))
    missing = [days for days in RANGES if days not in current]
    if missing:
        rows = ServiceEnvironment.objects.filter(service__removed=None).order_by().values_list("pk", *CONFIG)
        now = {pk: limits(cpus, memory) for pk, cpus, memory in rows}
    for days in missing:
        found = _of(now, days, last)
        pasts = {place: [one.cpus, one.memory, *astuple(found[place])] for place, one in now.items()}
        SizedDays.objects.update_or_create(days=days, defaults={"known": known, "pasts": pasts})
    return missing


def read(now: Mapping[int, Limits], days: int) -> dict[int, Past]:
    """What these places used within so many days, judged by the limits that they have."""
    last, known = rolled_up()
    if last is None:
        return {place: Past() for place in now}
    kept = SizedDays.objects.filter(days=days, known=known).values_list("pasts", flat=True).first() or {}
    found, left = {}, {}
    for place, one in now.items():
        cpus, memory, *past = kept.get(str(place), (None, None))
        if (cpus, memory) == (one.cpus, one.memory):
            found[place] = Past(*past)
        else:
            left[place] = one
    return found | (_of(left, days, last) if left else {})


def rolled_up() -> tuple[date | None, str]:
    """The last day that is rolled up, and what tells all of them from others."""
    known = Day.objects.aggregate(last=Max("day"), made=Max("made"), n=Count("pk"))
    return known["last"], "{last} {n} {made}".format(**known)


def _of(now: Mapping[int, Limits], days: int, last: date) -> dict[int, Past]:
    rows = PlaceDay.objects.filter(day__gt=last - timedelta(days=days), day__lte=last)
    if len(now) <= AT_ONCE:
        rows = rows.filter(place__in=list(now))
    used = _grouped(rows)
    return {place: _past(one, used.get(place, ())) for place, one in now.items()}


def _grouped(rows: QuerySet[PlaceDay]) -> dict[int, list[Any]]:
    """Place → what was used, apart by the limits that it had."""
    found: dict[int, list[Any]] = defaultdict(list)
    measured = Q(cpu_one_p99__isnull=False, memory_one_p99__isnull=False)
    grouped = rows.order_by().values_list("place_id", "instances", "cpus_limit", "memory_limit")
    for row in grouped.annotate(
        measured=Count("pk", filter=measured),
        highest=Max("cpu_one_p99"),
        used=Max("memory_one_p99"),
        peak=Max("memory_one_max"),
        shares=Sum("throttled"),
        told=Count("throttled"),
        kills=Sum("oom_kills"),
    ).iterator():
        found[row[0]].append(row)
    return found


def _past(now: Limits, rows: Iterable[Any]) -> Past:
    """All of a place's rows together. What smaller limits cut off does not count (a hundredth less is no smaller one)."""
    days = ooms = told = 0
    throttled = 0.0
    cpus: list[float] = []
    memories: list[int] = []
    peaks: list[int] = []
    for _place, instances, cpus_limit, memory_limit, n, cpu, memory, peak, share, shares, kills in rows:
        days += n
        cpus += [cpu] if cpu is not None else []
        memories += [memory] if memory is not None else []
        peaks += [peak] if peak is not None else []
        if instances and cpus_limit / instances >= 0.99 * now.cpus:
            throttled, told = throttled + (share or 0.0), told + shares
        if instances and memory_limit / instances >= 0.99 * now.memory:
            ooms += kills or 0
    return Past(
        days, max(cpus, default=None), max(memories, default=None), max(peaks, default=None),
        throttled / told if told else 0.0, ooms,
    )  # fmt: skip
