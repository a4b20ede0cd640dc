"""Reading and taking hot rows: ranges of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import connection

from xqplatform.metrics import keys
from xqplatform.metrics.models import Hot

Row = tuple[int, int, bytes]  # number (or time), layout, data
LONGEST = 128

# One short range of numbers in each tick. The ticks come first, then the index is asked for each.
_TICKS = (
    "WITH RECURSIVE ticks(tick) AS (SELECT CAST(%s AS BIGINT) UNION ALL SELECT tick + 1 FROM ticks WHERE tick < %s)"
)
_RANGE = f"id >= (ticks.tick << {keys.TICK_SHIFT}) + %s AND id < (ticks.tick << {keys.TICK_SHIFT}) + %s"
_RANGES = f"{_TICKS} SELECT id, layout, data FROM ticks CROSS JOIN metrics_hot WHERE {_RANGE}"  # noqa: S608
# PostgreSQL would do it the other way round, all rows by all ticks, while its statistics say that the table is empty.
_RANGES_LATERAL = (
    f"{_TICKS} SELECT hot.id, hot.layout, hot.data FROM ticks CROSS JOIN LATERAL "  # noqa: S608
    f"(SELECT id, layout, data FROM metrics_hot WHERE {_RANGE} OFFSET 0) hot"
)


def oldest() -> int | None:
    """The lowest number of all."""
    return Hot.objects.order_by("id").values_list("id", flat=True).first()


def of_subjects(first: int, last: int, tick: int, last_tick: int) -> list[Row]:
    """The rows of subjects `first` to `last` in these ticks, in the order of their numbers."""
    if last_tick < tick:
        return []
    low, high = keys.first(0, first), keys.first(0, last + 1)
    with connection.cursor() as cursor:
        statement = _RANGES if connection.vendor == "sqlite" else _RANGES_LATERAL
        cursor.execute(statement, [tick, last_tick, low, high])
        rows = [(number, layout, bytes(data)) for number, layout, data in cursor.fetchall()]
    rows.sort()
    return rows


def of_many(subjects: Iterable[int], tick: int, last_tick: int) -> list[Row]:
    """The rows of these subjects, in the order of their numbers."""
    wanted = set(subjects)
    found: list[Row] = []
    for first, last in runs(wanted):
        rows = of_subjects(first, last, tick, last_tick)
        found += rows if last - first < 1 else [row for row in rows if keys.subject_of(row[0]) in wanted]
    found.sort()
    return found


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Spans of neighbours, at least half of each wanted and none too long for one question. Pure."""
    found: list[tuple[int, int, int]] = []
    for number in sorted(numbers):
        if found:
            first, _last, count = found[-1]
            if number - first < min(LONGEST, 2 * (count + 1)):
                found[-1] = (first, number, count + 1)
                continue
        found.append((number, number, 1))
    return [(first, last) for first, last, _count in found]


def of_all(tick: int, last_tick: int) -> list[Row]:
    """All rows of these ticks, in the order of their numbers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, layout, data FROM metrics_hot WHERE id >= %s AND id < %s ORDER BY id",
            [keys.first(tick), keys.first(last_tick + 1)],
        )
        return [(number, layout, bytes(data)) for number, layout, data in cursor.fetchall()]


def by_subject(rows: Sequence[Row]) -> dict[int, list[Row]]:
    """The rows of each subject, with their times in 1/100 s instead of their numbers."""
    found: dict[int, list[Row]] = {}
    for number, layout, data in rows:
        found.setdefault(keys.subject_of(number), []).append((keys.hundredths(number), layout, data))
    return found


def take(first: int, last: int, tick: int, last_tick: int) -> int:
    """Deletes what `of_subjects` reads; how many they were."""
    ranges = [(keys.first(t, first), keys.first(t, last + 1)) for t in range(tick, last_tick + 1)]
    with connection.cursor() as cursor:
        cursor.executemany("DELETE FROM metrics_hot WHERE id >= %s AND id < %s", ranges)
        return int(cursor.rowcount)
