"""Who has most of something: from ranks of 5 minutes, hours and days, and the newest hot rows. `running.py` makes those of the running hour."""

from __future__ import annotations

import math
import struct
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from django.conf import settings

from xqplatform.metrics import catalogue, hot, keys, numbers, ranks
from xqplatform.metrics.cells import Sum
from xqplatform.metrics.levels import DAY, HOUR, MINUTE
from xqplatform.metrics.models import Due, Layout, Rank, Upkeep

SHORT = 300
SHORT_KEPT = 6 * HOUR  # how long ranks of 5 minutes are kept
SHORT_RANGE = 3 * HOUR  # ranges up to this are answered by them, longer ones by whole hours
DAYS_RANGE = 3 * DAY  # ranges from this on use whole days where there are some
TAIL = 600  # seconds of hot rows that are looked through at most, should nobody rank
UNTIL = ""  # in the place of a metric: how far the running 5 minutes of a shard are ranked
_FLOAT, _SECONDS = struct.Struct("f"), struct.Struct("<q")

Ranked = Iterable[tuple[int, Any]]  # shard, data


def top(metric: str, start: float, end: float, *, kind: str, n: int, by: str) -> list[tuple[str, float]]:
    """See `xqplatform.metrics.top`."""
    shards: dict[int, list[bytes]] = defaultdict(list)
    ranked = ranked_until()
    rows, until = _rows(metric, start, end, ranked)
    for shard, data in rows:
        shards[shard].append(bytes(data))
    if not ranked or end - start <= SHORT_RANGE:
        for shard, entries in _tail(metric, kind, _unranked(start, end, ranked), until).items():
            shards[shard].append(ranks.pack(entries))
    found: dict[int, float] = {}
    for shard, data in shards.items():
        base = shard * ranks.SHARD
        found.update((base + place, value) for place, value in ranks.values(data, by).items())
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


def ranked_until() -> int:
    """Seconds before which all is ranked; 0: nothing was yet."""
    return Upkeep.objects.filter(id=1).values_list("ranked_until", flat=True).first() or 0


def _rows(metric: str, start: float, end: float, ranked: int) -> tuple[Ranked, Mapping[int, int]]:
    """The ranks that cover a range, rounded to 5 minutes or to hours, and until when each shard of the running 5 minutes is ranked."""
    now = time.time()
    if end - start <= SHORT_RANGE and start >= now - SHORT_KEPT:
        return _of_short(metric, math.floor(start / SHORT) * SHORT, end, ranked)
    # The running hour has no ranks of its own yet, but those of its 5 minutes.
    settled = ranked // HOUR * HOUR if ranked else math.ceil(end / HOUR) * HOUR
    of_short, until = _of_short(metric, settled, end, ranked)
    return chain(_of_hours(metric, start, end, settled), of_short), until


def _of_short(metric: str, first: int, end: float, ranked: int) -> tuple[Ranked, Mapping[int, int]]:
    """In one question, since a shard is ranked anew at any moment: what is ranked of it, and until when."""
    rows = Rank.objects.filter(span=SHORT, start__gte=first, start__lt=end).order_by()
    running = rows.filter(metric=UNTIL, start__gte=ranked // SHORT * SHORT)
    fields = ("metric", "shard", "data")
    found = list(rows.filter(metric=metric).values_list(*fields).union(running.values_list(*fields), all=True))
    until: dict[int, int] = {}
    for name, shard, data in found:
        if name == UNTIL:
            until[shard] = max(until.get(shard, ranked), _SECONDS.unpack(data)[0])
    return [(shard, data) for name, shard, data in found if name != UNTIL], until


def _of_hours(metric: str, start: float, end: float, settled: int) -> Ranked:
    """Of the hours before `settled` that a range has, rounded."""
    rows, now = Rank.objects.filter(metric=metric), time.time()
    first, last = round(start / HOUR) * HOUR, min(settled, math.ceil((end - HOUR / 2) / HOUR) * HOUR)
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
    hours = [
        h for h in range(max(first, kept), min(settled, max(last, first + HOUR)), HOUR) if h // DAY * DAY not in days
    ]
    of_hours = rows.filter(span=HOUR, start__in=hours).values_list("start", "shard", "data")
    yield from ((shard, data) for hour, shard, data in of_hours if (hour // DAY * DAY, shard) not in ranked)


def _unranked(start: float, end: float, ranked: int) -> tuple[float, float]:
    """The part of a range that has no ranks yet: all of it while there are none at all."""
    now = time.time()
    if ranked:
        start = max(start, ranked, min(end, now) - TAIL)
    return start, min(end, now + settings.METRICS_AHEAD)


def _tail(metric: str, kind: str, span: tuple[float, float], until: Mapping[int, int]) -> dict[int, ranks.Entries]:
    """What is newer than the ranks: of the hot rows, by shard."""
    oldest = hot.oldest()
    if oldest is None:
        return {}
    first, end = max(span[0], (oldest >> keys.TICK_SHIFT) * keys.TICK), span[1]
    if first >= end:
        return {}
    found: dict[int, ranks.Entries] = defaultdict(dict)
    places = _places(metric, kind)
    rows = hot.of_layouts(list(places), math.floor(first) // keys.TICK, math.floor(end) // keys.TICK)
    if any(seconds > first for seconds in until.values()):  # a shard was ranked a moment ago
        ticks = {shard: seconds // keys.TICK for shard, seconds in until.items()}
        tick, shift, subjects = keys.TICK_SHIFT, keys.SLOT_BITS, keys.SUBJECTS - 1
        rows = [r for r in rows if r[0] >> tick >= ticks.get((r[0] >> shift & subjects) // ranks.SHARD, 0)]
    for subject, seen in _values(rows, places, first, end).items():
        shard, place = divmod(subject, ranks.SHARD)
        found[shard][place] = (len(seen), sum(seen), max(seen))
    return found


def _places(metric: str, kind: str) -> dict[int, int]:
    """Where the metric stands in each layout that has it, but for those that only another kind of subject can have."""
    others = {one.name for one in catalogue.METRICS if kind not in one.subjects} - {metric}
    known = numbers.columns(Layout.objects.values_list("id", flat=True))
    return {
        layout: columns.index(metric)
        for layout, columns in known.items()
        if metric in columns and others.isdisjoint(columns)
    }


def _values(rows: Sequence[hot.Row], places: Mapping[int, int], start: float, end: float) -> dict[int, list[float]]:
    """One metric's values in a range by subject."""
    offsets = {layout: 4 * place for layout, place in places.items()}
    low, high = math.ceil(start * 100), math.floor(end * 100)
    found: dict[int, list[float]] = defaultdict(list)
    # No call a row where it can be helped: there are hundreds of thousands. Ticks that lie within need no look at their moment.
    inner, outer = keys.first(math.ceil(start / keys.TICK)), keys.first(math.floor(end) // keys.TICK)
    shift, subjects, unpack = keys.SLOT_BITS, keys.SUBJECTS - 1, _FLOAT.unpack_from
    for key, layout, data in rows:
        if inner <= key < outer or low <= keys.hundredths(key) <= high:
            value = unpack(data, offsets[layout])[0]
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


def replace(
    span: int, start: int, shard: int, entries: Mapping[str, ranks.Entries], *, until: int | None = None
) -> None:
    """Writes ranks in the place of what was there; of a span that goes on, `until` says how far they reach."""
    rows = [Rank(span=span, start=start, metric=m, shard=shard, data=ranks.pack(held)) for m, held in entries.items()]
    if until is not None:
        rows.append(Rank(span=span, start=start, metric=UNTIL, shard=shard, data=_SECONDS.pack(until)))
    Rank.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["span", "metric", "start", "shard"], update_fields=["data"]
    )
