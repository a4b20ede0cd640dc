"""The health of whole weeks, added up: of a year a page reads a row a week and place, not one a day.

A week is added up when none of its days is counted any more; what is younger is read by its days.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet, Sum

from containers.capacity.availability import Span
from containers.capacity.models import HealthDay, HealthWeek
from containers.capacity.score_weeks import WEEK, monday
from containers.models import ServiceEnvironment

BACK = timedelta(days=13)  # so far back days are counted: minutes are kept for 14
Places = Collection[int] | QuerySet[ServiceEnvironment]  # their keys, or what finds them
SUMS = {"total_good": Sum("good"), "total_bad": Sum("bad"), "total_unknown": Sum("unknown")}


def fill(today: date) -> list[date]:
    """Adds up the weeks that are due. Which were written."""
    first = HealthDay.objects.aggregate(first=Min("day"))["first"]
    if first is None:
        return []
    known = set(HealthWeek.objects.order_by().values_list("week", flat=True).distinct())
    week, written = monday(first), []
    while week + WEEK <= today - BACK:
        rows = [] if week in known else list(_sums(_days(week, week + WEEK - timedelta(days=1))))
        if rows:
            with transaction.atomic():
                HealthWeek.objects.bulk_create([
                    HealthWeek(week=week, place_id=place, good=good, bad=bad, unknown=unknown)
                    for place, good, bad, unknown in rows
                ], ignore_conflicts=True)  # fmt: skip
            written.append(week)
        week += WEEK
    return written


def spans(places: Places, first: date, last: date) -> dict[int, Span]:
    """The availability of each place from day to day, both included."""
    weeks = HealthWeek.objects.filter(week__gte=first, week__lte=last - WEEK + timedelta(days=1))
    whole = set(weeks.order_by().values_list("week", flat=True).distinct())
    found = {place: Span(*sums) for place, *sums in _sums(weeks.filter(place__in=places))}
    for start, end in _stretches(first, last, whole):
        for place, *sums in _sums(_days(start, end).filter(place__in=places)):
            found[place] = found.get(place, Span()) + Span(*sums)
    return found


def _stretches(first: date, last: date, whole: Collection[date]) -> Iterator[tuple[date, date]]:
    """What of the days is in none of the whole weeks; few, since weeks are added up one after another."""
    start = first
    for week in sorted(whole):
        if start < week:
            yield start, week - timedelta(days=1)
        start = week + WEEK
    if start <= last:
        yield start, last


def _days(first: date, last: date) -> QuerySet[HealthDay]:
    return HealthDay.objects.filter(day__gte=first, day__lte=last)


def _sums(rows: QuerySet[HealthDay] | QuerySet[HealthWeek]) -> QuerySet[HealthDay, tuple[int, int, int, int]]:
    """(place, good, bad, unknown)"""
    return rows.order_by().values_list("place_id").annotate(**SUMS)  # type: ignore[return-value]
