"""Counts what months cost, from the days that are rolled up and the prices that were valid, and reads them again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncMonth
from django.utils import timezone

from containers.capacity import costing
from containers.capacity.costing import Bill, Machine
from containers.capacity.models import CostMonth, Day, HostDay, PlaceDay, Price
from xqplatform import locks

ROUND = 6  # digits behind the point that are kept
LOCK = 0x7871_0004  # of prices, and of bills while they are written


def next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def length(month: date) -> int:
    """Days of a month."""
    return (next_month(month) - month).days


def months_back(last: date, count: int) -> list[date]:
    """The month of a day, and those before it; the oldest first."""
    found = [last.replace(day=1)]
    while len(found) < count:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[::-1]


def due() -> list[date]:
    """Months of which days were rolled up that are not in their bill; the newest first. Days that are not kept any more stay in theirs."""
    rows = Day.objects.annotate(month=TruncMonth("day")).order_by().values_list("month").annotate(n=Count("pk"))
    counted = dict(CostMonth.objects.values_list("month", "days"))
    return sorted((month for month, days in rows if days > counted.get(month, 0)), reverse=True)


def count(now: datetime | None = None) -> list[date]:
    """Counts what is due; done twice it changes nothing. Which months were written.

    It ends early when a price comes or goes meanwhile: that one's own task counts by all of them.
    """
    rows = {row.pk: price(row) for row in Price.objects.all()}
    written = []
    for month in due():
        bill, days = _month(month, list(rows.values()))
        values = {"days": days, "bill": as_json(bill), "made": now or timezone.now()}
        with transaction.atomic():
            locks.hold(LOCK)
            if rows.keys() != set(Price.objects.values_list("pk", flat=True)):
                break
            CostMonth.objects.update_or_create(month=month, defaults=values)
        written.append(month)
    return written


def price(row: Price) -> costing.Price:
    return costing.Price(
        row.valid_from,
        None if row.monthly is None else float(row.monthly),
        float(row.core or 0),
        float(row.gib or 0),
        row.host_id,
        row.group_id,
    )


def _month(month: date, prices: Sequence[costing.Price]) -> tuple[Bill, int]:
    """Hosts cost what those of the group cost in which they stood on each day."""
    end = next_month(month)
    days = list(Day.objects.filter(day__gte=month, day__lt=end).order_by("day").values_list("day", flat=True))
    machines: dict[date, list[Machine]] = defaultdict(list)
    fields = ("day", "host_id", "group_id", "cpus", "memory", "cpus_allocatable", "memory_allocatable", "cpus_committed",
              "memory_committed")  # fmt: skip
    for day, *figures in HostDay.objects.filter(day__in=days).values_list(*fields).order_by().iterator():
        machines[day].append(Machine(*figures))
    places: dict[date, dict[int, tuple[float, float]]] = defaultdict(dict)
    rows = PlaceDay.objects.filter(day__in=days, instances__gt=0).order_by()
    for day, place, cores, memory in rows.values_list("day", "place_id", "cpus_limit", "memory_limit").iterator():
        places[day][place] = (cores, memory)
    bill = Bill()
    for day in days:
        bill.merge(costing.bill(day, length(month), machines[day], places[day], prices))
    return bill, len(days)


def as_json(bill: Bill) -> dict[str, object]:
    return {
        "places": {str(place): round(amount, ROUND) for place, amount in bill.places.items()},
        "unallocated": round(bill.unallocated, ROUND),
        "priced": sorted(bill.priced),
        "unpriced": sorted(bill.unpriced),
    }


def of_json(found: dict[str, object]) -> Bill:
    data: dict[str, object] = {"places": {}, "unallocated": 0.0, "priced": [], "unpriced": []} | found
    places, priced, unpriced = data["places"], data["priced"], data["unpriced"]
    assert isinstance(places, dict)
    assert isinstance(priced, list)
    assert isinstance(unpriced, list)
    amounts = {int(place): float(amount) for place, amount in places.items()}
    return Bill(amounts, float(str(data["unallocated"])), set(unpriced), set(priced))


def read(months: Sequence[date]) -> dict[date, tuple[Bill, int]]:
    """The bill of each month that is counted, with its days."""
    rows = CostMonth.objects.filter(month__in=months)
    return {row.month: (of_json(row.bill), row.days) for row in rows}


def today(now: datetime | None = None) -> date:
    return (now or timezone.now()).astimezone(UTC).date()
