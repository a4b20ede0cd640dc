"""Who has most of something: from ranks of 5 minutes, hours and days, and the newest hot rows."""

from __future__ import annotations

import math
import struct
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from xqplatform.metrics import cells, hot, keys, numbers, ranks
from xqplatform.metrics.cells import Sum
from xqplatform.metrics.levels import DAY, HOUR, MINUTE
from xqplatform.metrics.models import Due, Rank, Subject, Upkeep

SHORT, SHORT_GRACE = 300, 40.0
SHORT_KEPT = 6 * HOUR  # how long ranks of 5 minutes are kept
SHORT_RANGE = 3 * HOUR  # ranges up to this are answered by them, longer ones by whole hours
DAYS_RANGE = 3 * DAY  # ranges from this on use whole days where there are some
TAIL = 600  # seconds of hot rows that are looked through at most
LONG_RANGE, LONG_TAIL = HOUR, 20  # of ranges from an hour on only the newest samples are, until the rest is ranked
_FLOAT = struct.Struct("f")


def top(metric: str, start: float, end: float, *, kind: str, n: int, by: str) -> list[tuple[str, float]]:
    """See `xqplatform.metrics.top`."""
    shards: dict[int, list[bytes]] = defaultdict(list)
    for shard, data in _rows(metric, start, end):
        shards[shard].append(bytes(data))
    for shard, entries in _tail(metric, start, end).items():
        shards[shard].append(ranks.pack(entries))
    found: dict[int, float] = {}
    for shard, rows in shards.items():
        base = shard * ranks.SHARD
        found.update((base + place, value) for place, value in ranks.values(rows, by).items())
    return _named(found, kind, n)


def _named(found: dict[int, float], kind: str, n: int) -> list[tuple[str, float]]:
    """The highest n of a kind: asks for the names of the highest only, and for more while they are of other kinds."""
    highest = sorted(found, key=found.__getitem__, reverse=True)
    named: list[tuple[str, float]] = []
    size, at = 2 * n, 0
    while len(named) < n and at < len(highest):
        known = numbers.subjects(highest[at : at + size])
        of_kind = [m for m in highest[at : at + size] if known.get(m, "").startswith(f"{kind}:")]
        named += [(known[m], found[m]) for m in of_kind]
        size, at = size * 4, at + size
    return named[:n]


def _ranked_until() -> int:
    return Upkeep.objects.filter(id=1).values_list("ranked_until", flat=True).first() or 0


def _rows(metric: str, start: float, end: float) -> Iterator[tuple[int, Any]]:
    """The ranks that cover a range, rounded to 5 minutes or to hours: (shard, data)."""
    rows, now = Rank.objects.filter(metric=metric), time.time()
    if end - start <= SHORT_RANGE and start >= now - SHORT_KEPT:
        first = math.floor(start / SHORT) * SHORT
        yield from rows.filter(span=SHORT, start__gte=first, start__lt=end).values_list("shard", "data")
        return
    # Of the running hour nothing is ranked that is after the range: it counts however young it is.
    whole_end = end if end >= now - TAIL else end - HOUR / 2
    first, last = round(start / HOUR) * HOUR, math.ceil(whole_end / HOUR) * HOUR
    ranked: set[tuple[int, int]] = set()  # days and shards
    unsettled: set[int] = set()
    if end - start >= DAYS_RANGE:
        # Of a day that is being rolled up some shards have no ranks yet, or not with all that came late.
        due = set(Due.objects.filter(day__gte=first, day__lt=last).values_list("day", "shard"))
        unsettled = {day for day, _shard in due}
        whole = rows.filter(span=DAY, start__gte=first, start__lte=last - DAY)
        for day, shard, data in whole.values_list("start", "shard", "data"):
            if (day, shard) not in due:
                ranked.add((day, shard))
                yield shard, data
    days = {day for day, _shard in ranked} - unsettled
    kept = math.floor(now - settings.METRICS_KEEP[MINUTE]) // HOUR * HOUR
    hours = [hour for hour in range(max(first, kept), max(last, first + HOUR), HOUR) if hour // DAY * DAY not in days]
    of_hours = rows.filter(span=HOUR, start__in=hours).values_list("start", "shard", "data")
    yield from ((shard, data) for hour, shard, data in of_hours if (hour // DAY * DAY, shard) not in ranked)


def _tail(metric: str, start: float, end: float) -> dict[int, ranks.Entries]:
    """What is newer than the ranks: of the hot rows, by shard; all of it while nothing was ranked yet. Of ranges from an
    hour on the newest samples only (who is high just now is seen), those of more than three hours do without."""
    oldest, ranked = hot.oldest(), _ranked_until()
    if oldest is None or (ranked and end - start > SHORT_RANGE):
        return {}
    first = max(start, ranked, (oldest >> keys.TICK_SHIFT) * keys.TICK)
    if ranked:
        first = max(first, min(end, time.time()) - (LONG_TAIL if end - start >= LONG_RANGE else TAIL))
    end = min(end, time.time() + settings.METRICS_AHEAD)
    if first >= end:
        return {}
    found: dict[int, ranks.Entries] = defaultdict(dict)
    rows = hot.of_all(math.floor(first) // keys.TICK, math.floor(end) // keys.TICK)
    for subject, seen in _values(rows, metric, first, end).items():
        shard, place = divmod(subject, ranks.SHARD)
        found[shard][place] = (len(seen), sum(seen), max(seen))
    return found


def _values(rows: Sequence[hot.Row], metric: str, start: float, end: float) -> dict[int, list[float]]:
    """One metric's values in a range by subject."""
    offsets = {
        layout: 4 * columns.index(metric)
        for layout, columns in numbers.columns({row[1] for row in rows}).items()
        if metric in columns
    }
    low, high = math.ceil(start * 100), math.floor(end * 100)
    found: dict[int, list[float]] = defaultdict(list)
    # No call a row where it can be helped: there are hundreds of thousands. Ticks that lie within need no look at their moment.
    inner, outer = keys.first(math.floor(start) // keys.TICK + 1), keys.first(math.floor(end) // keys.TICK)
    shift, subjects, unpack = keys.SLOT_BITS, keys.SUBJECTS - 1, _FLOAT.unpack_from
    for key, layout, data in rows:
        offset = offsets.get(layout)
        if offset is not None and (inner <= key < outer or low <= keys.hundredths(key) <= high):
            value = unpack(data, offset)[0]
            if value - value == 0:
                found[key >> shift & subjects].append(value)
    return found


def is_ranked(metric: str) -> bool:
    """Metrics of devices are not: whoever compares subjects compares sums."""
    return "[" not in metric and len(metric) <= 100


def put(span: int, start: int, shard: int, entries: Mapping[str, Mapping[int, Sum]]) -> None:
    """Writes subjects' entries in the place of theirs; those of other subjects of the shard stay."""
    known = Rank.objects.filter(span=span, start=start, shard=shard, metric__in=list(entries))
    before = {metric: ranks.unpack(bytes(data)) for metric, data in known.values_list("metric", "data")}
    replace(
        span,
        start,
        shard,
        {
            metric: before.get(metric, {}) | {place: (n, total, high) for place, (n, total, _low, high) in held.items()}
            for metric, held in entries.items()
        },
    )


def replace(span: int, start: int, shard: int, entries: Mapping[str, ranks.Entries]) -> None:
    """Writes ranks in the place of what was there."""
    rows = [Rank(span=span, start=start, metric=m, shard=shard, data=ranks.pack(held)) for m, held in entries.items()]
    Rank.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["span", "metric", "start", "shard"], update_fields=["data"]
    )


def refresh(now: float) -> Iterator[None]:
    """Ranks of the 5 minutes that have ended, and of the running hour up to them; stops after each piece.

    What comes later still is in the hour's ranks when it is sealed.
    """
    hour = math.floor(now / HOUR) * HOUR
    start = max(_ranked_until(), hour - HOUR)
    while start + SHORT + SHORT_GRACE <= now:
        for shard in range((Subject.objects.aggregate(last=Max("id"))["last"] or 0) // ranks.SHARD + 1):
            _refresh_shard(start, shard)
            yield
        start += SHORT
        Upkeep.objects.filter(id=1).update(ranked_until=start)


def _refresh_shard(start: int, shard: int) -> None:
    first = shard * ranks.SHARD
    rows = hot.of_subjects(first, first + ranks.SHARD - 1, start // keys.TICK, (start + SHORT) // keys.TICK - 1)
    if not rows:
        return
    layouts = numbers.columns({row[1] for row in rows})
    found: dict[str, ranks.Entries] = defaultdict(dict)
    for subject, of_one in hot.by_subject(rows).items():
        for name, (count, total, _low, high) in cells.totals(cells.raw_of(of_one, layouts)).items():
            if is_ranked(name):
                found[name][subject - first] = (count, total, high)
    hour = start // HOUR * HOUR
    parts: dict[str, list[ranks.Entries]] = {name: [entries] for name, entries in found.items()}
    earlier = Rank.objects.filter(span=SHORT, shard=shard, start__gte=hour, start__lt=start, metric__in=list(found))
    for metric, data in earlier.values_list("metric", "data"):
        parts[metric].append(ranks.unpack(bytes(data)))
    with transaction.atomic():
        replace(SHORT, start, shard, found)
        replace(HOUR, hour, shard, {metric: ranks.merge(held) for metric, held in parts.items()})
