"""Rolls up the days that are over: in portions, the newest first, and after an absence as far back as samples are kept.

What stands in a table is the mark of how far it is: a day that was begun by a process that died is gone on with, and done twice
changes nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Min, Q
from django.utils import timezone

from containers.capacity import past, reading, spans, sums
from containers.capacity.models import Day, HostDay, PlaceDay, Round, SegmentDay, SumDay
from containers.models import Instance, ServiceEnvironment
from hosts.models import Host, Segment
from hosts.services.addresses import figures as address_figures
from xqplatform import leases
from xqplatform.metrics.models import Due

KEPT = timedelta(days=731)
AFTER = timedelta(minutes=40)  # of a day's end: then its last hour is sealed, and rolled up where the store keeps up
PATIENCE = timedelta(hours=6)  # for a store that is behind
BUDGET = 30.0  # seconds a round
HELD = 120.0  # seconds that the longest step may take: the spans of a large fleet
HOSTS, INSTANCES = 50, 400  # a portion


def run(now: datetime | None = None, *, budget: float = BUDGET) -> bool:
    """One round, unless another process is at it. Whether all is done that was due."""
    row = Round.objects.get_or_create(pk=1)[0]
    rows = Round.objects.filter(pk=row.pk)
    lease = leases.take(rows, rows, HELD)
    if lease is None:
        return False
    try:
        return _run(now or timezone.now(), lease, time.monotonic() + budget)
    finally:
        lease.release()


def _run(now: datetime, lease: leases.Lease, until: float) -> bool:
    """Whoever lost the lease writes nothing more: what another has begun meanwhile is gone on with there."""
    days = due(now)
    for day in days:
        for _portion in _roll_up(day):
            if time.monotonic() > until or not lease.renew():
                return False
        _finish(day)
        if day == days[0]:
            spans.refresh()  # the newest day: pages need not wait for all that was missed
        if not lease.renew(force=True):
            return False
    if len(days) > 1 or spans.is_behind():
        spans.refresh()
    if days:
        tidy(now)
    return True


def due(now: datetime) -> list[date]:
    """Finished days without their mark, the newest first; none before the first machine was there."""
    first = Host.objects.aggregate(first=Min("created"))["first"]
    if first is None:
        return []
    last = (now - AFTER).astimezone(UTC).date() - timedelta(days=1)
    start = max(first.astimezone(UTC).date(), oldest(now))
    done = set(Day.objects.filter(day__gte=start).values_list("day", flat=True))
    missing = [d for n in range((last - start).days + 1) if (d := last - timedelta(days=n)) not in done]
    if not missing:
        return []
    # By its hours a day takes twenty times as long to read as rolled up.
    behind = set(Due.objects.filter(day__gte=reading.bounds(start)[0]).values_list("day", flat=True).distinct())
    return [
        d
        for d in missing
        if reading.bounds(d)[0] not in behind or now.timestamp() > reading.bounds(d)[1] + PATIENCE.total_seconds()
    ]


def _roll_up(day: date) -> Iterator[None]:
    """Writes what is not there yet; stops after each portion."""
    start, end = (datetime.fromtimestamp(at, UTC) for at in reading.bounds(day))
    known, given = set(HostDay.objects.filter(day=day).values_list("host", flat=True)), past.committed(end)
    rows = [row for row in past.hosts(end) if row.pk not in known]
    for first in range(0, len(rows), HOSTS):
        HostDay.objects.bulk_create(reading.hosts(day, rows[first : first + HOSTS], given.hosts), ignore_conflicts=True)
        yield
    done = PlaceDay.objects.filter(day=day).values("place")
    places = ServiceEnvironment.objects.exclude(pk__in=done).order_by("pk").values_list("pk", flat=True)
    there = Q(removed=None) | Q(removed__gt=start)
    standing: dict[int, list[int]] = defaultdict(list)
    of_day = Instance.objects.filter(there, created__lt=end).order_by()
    for place, pk in of_day.values_list("place_id", "pk"):
        standing[place].append(pk)
    for portion in _portions([(place, standing[place]) for place in places]):
        PlaceDay.objects.bulk_create(reading.places(day, dict(portion), given.places), ignore_conflicts=True)
        yield
    more = past.addresses(end)
    SegmentDay.objects.bulk_create(
        [_segment(day, row, more[row.pk]) for row in Segment.objects.all()], ignore_conflicts=True
    )


def _segment(day: date, segment: Segment, more: int) -> SegmentDay:
    of = address_figures(segment)
    return SegmentDay(day=day, segment=segment, total=of.pool, taken=min(of.pool, max(0, of.pool - of.free + more)))


def _finish(day: date) -> None:
    """The day's sums, with its mark."""
    with transaction.atomic():
        _day, new = Day.objects.get_or_create(day=day, defaults={"made": timezone.now(), "recorded": True})
        if new:
            SumDay.objects.bulk_create([*sums.of_hosts(day), *sums.of_places(day)], ignore_conflicts=True)


def _portions(places: Sequence[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    """Places of a few hundred instances together; a larger one alone."""
    portion: list[tuple[int, list[int]]] = []
    size = 0
    for one in places:
        if portion and size + len(one[1]) > INSTANCES:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += len(one[1]) + 1
    if portion:
        yield portion


def oldest(now: datetime) -> date:
    """Two years are kept: the first day that is."""
    return now.astimezone(UTC).date() - KEPT


def tidy(now: datetime) -> None:
    with transaction.atomic():
        for model in (HostDay, PlaceDay, SegmentDay, SumDay, Day):
            model._default_manager.filter(day__lt=oldest(now)).delete()
