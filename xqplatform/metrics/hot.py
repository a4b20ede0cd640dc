"""Reading and taking hot rows: ranges of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from django.db import connection

from xqplatform.metrics import keys
from xqplatform.metrics.models import Hot

Row = tuple[int, int, bytes]  # number (or time), layout, data
Head = tuple[int, int]  # a row without its data
LONGEST = 128
MANY = 200  # rows of a tick from which on the tick is read whole
LAYOUTS = 400  # of more the database is not asked
HEAD, WHOLE = "id, layout", "id, layout, data"

# One short range of numbers in each tick. The ticks come first, then the index is asked for each.
_TICKS = (
    "WITH RECURSIVE ticks(tick) AS (SELECT CAST(%s AS BIGINT) UNION ALL SELECT tick + 1 FROM ticks WHERE tick < %s)"
)
_RANGE = f"id >= (ticks.tick << {keys.TICK_SHIFT}) + %s AND id < (ticks.tick << {keys.TICK_SHIFT}) + %s"


def _ranges(columns: str) -> str:
    if connection.vendor == "sqlite":
        return f"{_TICKS} SELECT {columns} FROM ticks CROSS JOIN metrics_hot WHERE {_RANGE}"  # noqa: S608
    # PostgreSQL would do it the other way round, all rows by all ticks, while its statistics say that the table is empty.
    inner = f"SELECT {columns} FROM metrics_hot WHERE {_RANGE} OFFSET 0"  # noqa: S608
    return f"{_TICKS} SELECT {columns} FROM ticks CROSS JOIN LATERAL ({inner}) hot"  # noqa: S608


def _select(statement: str, given: Sequence[int]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return list(cursor.fetchall())


def oldest() -> int | None:
    """The lowest number of all."""
    return Hot.objects.order_by("id").values_list("id", flat=True).first()


def of_subjects(first: int, last: int, tick: int, last_tick: int) -> list[Row]:
    """The rows of subjects `first` to `last` in these ticks, in the order of their numbers."""
    return _with_bytes(_of_subjects(WHOLE, first, last, tick, last_tick))


def _of_subjects(columns: str, first: int, last: int, tick: int, last_tick: int) -> list[Any]:
    if last_tick < tick:
        return []
    low, high = keys.first(0, first), keys.first(0, last + 1)
    return sorted(_select(_ranges(columns), [tick, last_tick, low, high]))


def _with_bytes(rows: Iterable[tuple[int, int, Any]]) -> list[Row]:
    """PostgreSQL may give views of memory."""
    if connection.vendor == "sqlite":
        return list(rows)
    return [(number, layout, bytes(data)) for number, layout, data in rows]


def of_many(subjects: Iterable[int], tick: int, last_tick: int) -> list[Row]:
    """The rows of these subjects, in the order of their numbers."""
    return _with_bytes(_of_many(WHOLE, subjects, tick, last_tick))


def heads_of_many(subjects: Iterable[int], tick: int, last_tick: int) -> list[Head]:
    """The same without their data."""
    return _of_many(HEAD, subjects, tick, last_tick)


def _of_many(columns: str, subjects: Iterable[int], tick: int, last_tick: int) -> list[Any]:
    wanted = set(subjects)
    found: list[Any] = []
    for first, last in runs(wanted):
        rows = _of_subjects(columns, first, last, tick, last_tick)
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
    return _with_bytes(_of_all(WHOLE, tick, last_tick))


def of_layouts(layouts: Sequence[int], tick: int, last_tick: int) -> list[Row]:
    """All rows of these ticks that have one of the layouts."""
    if not layouts:
        return []
    if len(layouts) > LAYOUTS:
        wanted = set(layouts)
        return [row for row in of_all(tick, last_tick) if row[1] in wanted]
    places = ",".join(["%s"] * len(layouts))
    statement = f"SELECT {WHOLE} FROM metrics_hot WHERE id >= %s AND id < %s AND layout IN ({places})"  # noqa: S608
    return _with_bytes(_select(statement, [keys.first(tick), keys.first(last_tick + 1), *layouts]))


def heads_of_all(tick: int, last_tick: int) -> list[Head]:
    """The same without their data."""
    return _of_all(HEAD, tick, last_tick)


def _of_all(columns: str, tick: int, last_tick: int) -> list[Any]:
    statement = f"SELECT {columns} FROM metrics_hot WHERE id >= %s AND id < %s ORDER BY id"  # noqa: S608
    return _select(statement, [keys.first(tick), keys.first(last_tick + 1)])


def whole(numbers: Sequence[int]) -> list[Row]:
    """The rows of these numbers (in their order) that are still there."""
    found: list[Row] = []
    few: list[int] = []
    for tick, run in groupby(numbers, lambda number: number >> keys.TICK_SHIFT):
        of_tick = set(run)
        if len(of_tick) < MANY:
            few += of_tick
        else:
            found += [row for row in of_all(tick, tick) if row[0] in of_tick]
    for part in (few[i : i + 500] for i in range(0, len(few), 500)):
        found += _with_bytes(Hot.objects.filter(id__in=part).values_list("id", "layout", "data"))
    found.sort()
    return found


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
