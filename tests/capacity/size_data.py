"""Days of a place, for tests of sizes: the newest is yesterday, and is rolled up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from containers.capacity.models import Day, PlaceDay

GIB = 1 << 30


def make_days(place: Any, count: int = 30, *, last: int = 1, **fields: Any) -> None:
    """So many days of a place with four instances of 4 cores and 8 GiB, up to `last` days ago."""
    today = timezone.now().date()
    values: dict[str, Any] = {
        "instances": 4, "cpus_limit": 16.0, "memory_limit": 32 * GIB, "cpu_one_p99": 0.5, "memory_one_p99": GIB,
        "memory_one_max": int(1.2 * GIB), "throttled": 0.0, "oom_kills": 0,
    }  # fmt: skip
    days = [today - timedelta(days=last + n) for n in range(count)]
    PlaceDay.objects.bulk_create([PlaceDay(place=place, day=day, **values | fields) for day in days])
    Day.objects.update_or_create(day=today - timedelta(days=1), defaults={"made": timezone.now()})
