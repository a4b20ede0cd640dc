"""Rolls up the health of instances: a row a place and day, so that a year reads fast.

A day is read by pieces of ten minutes first; only where not enough instances were healthy throughout a piece its minutes are
looked at. A day is counted when `rollup` is through with it, within the time for which minutes are kept; the day that is under
way for places with an objective only.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import Min, Q
from django.utils import timezone

from containers.capacity import availability, health_weeks
from containers.capacity.availability import Piece, Span
from containers.capacity.models import Day, HealthDay, HealthWeek, Objective
from containers.capacity.reading import bounds
from containers.models import Deployment, Instance, ServiceEnvironment
from xqplatform import metrics
from xqplatform.metrics.levels import DAY, MINUTE, TEN_MINUTES

KEPT = timedelta(days=731)
AGAIN = timedelta(minutes=30)  # the day under way
LATE = 120.0  # seconds: what is younger may not be stored yet
BUDGET = 30.0  # seconds a round
INSTANCES = 400  # a portion
UP, HEALTH, OF_HOST = "up", "health", "cpu.cores"
FOREVER = math.inf


@dataclass(frozen=True, slots=True)
class Standing:
    """An instance of a place, and when it stood there."""

    pk: int
    host: int
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What is counted of a place: its instances, from when on (its first release), and how many of them must be healthy."""

    place: int
    standing: Sequence[Standing]
    begin: float
    least: int


def run(now: datetime | None = None, *, budget: float = BUDGET) -> bool:
    """One round. Whether all is done that was due."""
    now = now or timezone.now()
    until = time.monotonic() + budget
    today = now.astimezone(UTC).date()
    for day in (
        Day.objects.filter(day__gte=today - health_weeks.BACK, day__lt=today)
        .order_by("-day")
        .values_list("day", flat=True)
    ):
        done = HealthDay.objects.filter(day=day, until=DAY).values("place")
        for _portion in _roll_up(day, ServiceEnvironment.objects.exclude(pk__in=done), DAY):
            if time.monotonic() > until:
                return False
    seconds = math.floor((now.timestamp() - LATE - bounds(today)[0]) / TEN_MINUTES) * TEN_MINUTES
    if seconds > 0:
        young = HealthDay.objects.filter(day=today, until__gt=seconds - AGAIN.total_seconds()).values("place")
        rows = ServiceEnvironment.objects.filter(objective__isnull=False).exclude(pk__in=young)
        for _portion in _roll_up(today, rows, seconds):
            if time.monotonic() > until:
                return False
    health_weeks.fill(today)
    HealthDay.objects.filter(day__lt=today - KEPT).delete()
    HealthWeek.objects.filter(week__lt=today - KEPT).delete()
    return True


def _roll_up(day: date, places: Iterable[ServiceEnvironment], seconds: int) -> Iterator[None]:
    """Writes the rows of these places, as far as the day is over (`seconds`); stops after each portion."""
    for portion in _portions(_asked(day, [place.pk for place in places])):
        spans = of_places(portion, bounds(day)[0], bounds(day)[0] + seconds)
        rows = [
            HealthDay(
                day=day, place_id=one.place, good=round(spans[one.place].good), bad=round(spans[one.place].bad),
                unknown=round(spans[one.place].unknown), least=one.least, until=seconds,
            )
            for one in portion
        ]  # fmt: skip
        HealthDay.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["place", "day"],
            update_fields=["good", "bad", "unknown", "least", "until"],
        )  # fmt: skip
        yield


def _asked(day: date, places: Sequence[int]) -> Iterator[Asked]:
    if not places:
        return
    start, end = (datetime.fromtimestamp(at, UTC) for at in bounds(day))
    there = Instance.objects.filter(Q(removed=None) | Q(removed__gt=start), created__lt=end, place__in=places)
    standing: dict[int, list[Standing]] = defaultdict(list)
    for pk, place, host, begin, gone in there.values_list("pk", "place_id", "host_id", "created", "removed"):
        standing[place].append(Standing(pk, host, begin.timestamp(), gone.timestamp() if gone else FOREVER))
    released = Deployment.objects.filter(
        kind=Deployment.Kind.DEPLOY, state=Deployment.State.SUCCEEDED, place__in=places
    )
    first = dict(released.order_by().values_list("place_id").annotate(first=Min("finished")))
    least = dict(Objective.objects.filter(place__in=places).values_list("place_id", "least"))
    for place in places:
        began = first.get(place)
        yield Asked(place, standing[place], began.timestamp() if began else FOREVER, least.get(place, 1))


def _portions(rows: Iterable[Asked]) -> Iterator[list[Asked]]:
    portion: list[Asked] = []
    size = 0
    for one in rows:
        if portion and size + len(one.standing) > INSTANCES:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += len(one.standing) + 1
    if portion:
        yield portion


def of_places(rows: Sequence[Asked], start: float, end: float) -> dict[int, Span]:
    """By place, between two moments that are whole pieces of ten minutes."""
    pieces = _read([one.pk for row in rows for one in row.standing], start, end, TEN_MINUTES)
    return {row.place: _of_place(row, pieces, start, end) for row in rows}


def _of_place(row: Asked, pieces: Mapping[int, dict[float, Piece]], start: float, end: float) -> Span:
    found, unclear = Span(), []
    for at in _steps(start, end, TEN_MINUTES):
        there = [one for one in row.standing if one.begin < at + TEN_MINUTES and one.end > at]
        if not there or at + TEN_MINUTES <= row.begin:
            continue
        least = min(row.least, len(there))
        if at >= row.begin and availability.clean([pieces.get(one.pk, {}) for one in there], at, least):
            found += Span(good=TEN_MINUTES)
        else:
            unclear.append(at)
    return found + _by_minutes(row, unclear, pieces)


def _by_minutes(row: Asked, unclear: Sequence[float], pieces: Mapping[int, dict[float, Piece]]) -> Span:
    if not unclear:
        return Span()
    low, high = unclear[0], unclear[-1] + TEN_MINUTES
    minutes = _read([one.pk for one in row.standing], low, high, MINUTE)
    hosts = sorted({one.host for one in row.standing})
    series = metrics.series([f"host:{pk}" for pk in hosts], [OF_HOST], low, high, points=round((high - low) / MINUTE))
    measured = {int(one.subject.partition(":")[2]): {point.time for point in one.points} for one in series}
    checked = {
        one.pk for one in row.standing if any(p.health is not None for p in pieces.get(one.pk, {}).values())
    }  # fmt: skip
    verdicts = []
    for at in (minute for piece in unclear for minute in _steps(piece, piece + TEN_MINUTES, MINUTE)):
        there = [one for one in row.standing if one.begin <= at and one.end >= at + MINUTE]
        if not there or at < row.begin:
            continue
        marks = (
            availability.mark(minutes[one.pk].get(at), one.pk in checked, at in measured.get(one.host, ()))
            for one in there
        )
        verdicts.append(availability.judge(marks, min(row.least, len(there))))
    return availability.add_up(verdicts, MINUTE)


def _steps(start: float, end: float, step: int) -> Iterator[float]:
    return (start + n * step for n in range(round((end - start) / step)))


def _read(instances: Sequence[int], start: float, end: float, step: int) -> dict[int, dict[float, Piece]]:
    """What was measured of instances, by pieces of so many seconds."""
    found: dict[int, dict[float, Piece]] = defaultdict(dict)
    if not instances:
        return found
    look = metrics.look(
        [f"instance:{pk}" for pk in instances], start, end, points=round((end - start) / step), metrics=(UP, HEALTH)
    )
    samples = step / settings.METRICS_INTERVAL
    for one in look.series((UP, HEALTH)):
        of = found[int(one.subject.partition(":")[2])]
        for point in one.points:
            if one.metric == UP:
                of[point.time] = Piece(min(1.0, point.avg * point.count / samples))
            elif point.time in of:
                of[point.time] = of[point.time]._replace(health=point.avg, health_min=point.min)
    return found
