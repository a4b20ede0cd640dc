"""Giving series out: blocks where there are some, hot rows where there are none yet, folded into the buckets asked for."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import truediv

from django.conf import settings
from django.db.models import IntegerField, Value
from django.db.models.expressions import Case, When

from xqplatform.metrics import catalogue, cells, hot, keys, levels, numbers, packing
from xqplatform.metrics.cells import Part, Sum
from xqplatform.metrics.levels import DAY, FINE, HOUR, MINUTE, View
from xqplatform.metrics.models import Block, Due
from xqplatform.metrics.models import Life as LifeRow
from xqplatform.metrics.points import Band, BandPoint, Life, Series


class Look:
    """What is kept of some subjects in a range, read once: each metric of it is folded into points when it is asked for."""

    def __init__(
        self,
        subjects: Sequence[str],
        start: float,
        end: float,
        points: int,
        wanted: Collection[str] | None = None,
    ) -> None:
        self._asked = start, end
        self._view = levels.view(start, end, points, time.time(), settings.METRICS_KEEP)
        ids = numbers.ids(subjects)
        parts = gather(list(ids.values()), None if wanted is None else set(wanted), self._view)
        self._parts = {subject: parts.get(ids[subject], []) for subject in subjects if subject in ids}

    def names(self, subject: str) -> list[str]:
        """Which metrics, with devices, a subject has in the range."""
        return sorted({name for part in self._parts.get(subject, ()) for name in part.columns})

    def series(self, metrics: Sequence[str]) -> list[Series]:
        """One series for each subject and metric that was measured."""
        return [
            one
            for subject, parts in self._parts.items()
            for one in _of_subject(subject, metrics, parts, self._view, self._asked)
        ]


def series(subjects: Sequence[str], metrics: Sequence[str], start: float, end: float, points: int) -> list[Series]:
    """See `xqplatform.metrics.series`."""
    return Look(subjects, start, end, points, metrics).series(metrics)


def _of_subject(
    subject: str, metrics: Sequence[str], parts: Sequence[Part], view: View, asked: tuple[float, float]
) -> Iterator[Series]:
    folded = {} if view.single else cells.folded(parts, metrics, view.step)
    for metric in metrics:
        if view.single:
            points = cells.single_points(parts, metric, *asked)
        else:
            points = cells.bucket_points(folded[metric], view.lo, view.hi)
        if points:
            # What is sampled more seldom than the level has no gap between two samples.
            gap = cells.usual_gap(points)
            level = gap if gap > 1.5 * view.step else float(view.step)
            yield Series(subject, metric, catalogue.find(metric).unit, level, points)


def gather(ids: Sequence[int], wanted: set[str] | None, view: View) -> dict[int, list[Part]]:
    """What is stored of subjects in the view's range, oldest first and nothing twice."""
    fresh = _hot(ids, view.lo, view.hi)  # before the blocks: what is sealed in between is found there
    made: dict[int, list[tuple[int, Part]]] = defaultdict(list)
    covered: dict[int, set[int]] = defaultdict(set)  # hours
    for subject, block_level, start, layout, data in _blocks(ids, view):
        hours = range(start // HOUR, (start + levels.SPANS[block_level]) // HOUR)
        if hours[0] in covered[subject]:
            continue
        covered[subject].update(hours)
        names = numbers.columns([layout])[layout]
        unpack = packing.unpack_raw if block_level == FINE else packing.unpack_cells
        made[subject].append((start, unpack(bytes(data), names, start, wanted)))
    layouts = numbers.columns({row[1] for rows in fresh.values() for row in rows})
    for subject, rows in fresh.items():
        open_rows = [row for row in rows if row[0] // (100 * HOUR) not in covered[subject]]
        if open_rows:
            raw = cells.raw_of(open_rows, layouts, wanted)
            # Not before all blocks: a sample of an hour without a block may be older than a block.
            for hour in sorted({row[0] // (100 * HOUR) for row in open_rows}):
                made[subject].append((hour * HOUR, raw.part(hour * HOUR, (hour + 1) * HOUR)))
    return {
        subject: [part for _start, part in sorted(pairs, key=lambda pair: pair[0])] for subject, pairs in made.items()
    }


def _blocks(ids: Sequence[int], view: View) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Blocks of the range, for each hour the best first: subject, level, start, layout, data."""
    fields = ("subject", "level", "start", "layout", "data")
    if levels.SPANS[view.level] == DAY:
        # A day that is not rolled up yet, or not with all that came late, is read by its hours.
        open_days = set(Due.objects.filter(day__gt=view.lo - DAY, day__lt=view.hi).values_list("day", flat=True))
        days = Block.objects.filter(level=view.level, start__gt=view.lo - DAY, start__lt=view.hi)
        for part in _portions(ids):
            yield from days.filter(subject__in=part).exclude(start__in=open_days).values_list(*fields)
            for day in sorted(open_days):
                hours = Block.objects.filter(level=MINUTE, start__gte=day, start__lt=day + DAY)
                hours = hours.filter(start__gt=view.lo - HOUR, start__lt=view.hi)
                yield from hours.filter(subject__in=part).values_list(*fields)
        return
    finest = [FINE, MINUTE] if view.level == FINE else [MINUTE]
    for part in _portions(ids):
        rows = Block.objects.filter(subject__in=part, level__in=finest, start__gt=view.lo - HOUR, start__lt=view.hi)
        if view.level == FINE:  # minutes only where samples are not kept
            have = set(rows.filter(level=FINE).values_list("subject", "start"))
            yield from rows.filter(level=FINE).values_list(*fields)
            coarse = rows.filter(level=MINUTE).values_list("id", "subject", "start")
            lone = [pk for pk, subject, start in coarse if (subject, start) not in have]
            if lone:
                yield from Block.objects.filter(id__in=lone).values_list(*fields)
        else:
            yield from rows.values_list(*fields)


def _portions(ids: Sequence[int], size: int = 400) -> Iterator[Sequence[int]]:
    return (ids[i : i + size] for i in range(0, len(ids), size))


def _hot(ids: Sequence[int], lo: float, hi: float) -> dict[int, list[hot.Row]]:
    """The hot rows of subjects in a range, by subject, with their times in 1/100 s."""
    oldest = hot.oldest()
    if oldest is None:
        return {}
    first = max(math.floor(lo) // keys.TICK, oldest >> keys.TICK_SHIFT)
    last = math.ceil(min(hi, time.time() + settings.METRICS_AHEAD)) // keys.TICK
    if last < first:
        return {}
    found = hot.by_subject(hot.of_many(ids, first, last))
    low, high = lo * 100, hi * 100
    return {subject: [row for row in rows if low <= row[0] <= high] for subject, rows in found.items()}


def names(subject: str, start: float, end: float) -> list[str]:
    """See `xqplatform.metrics.names`."""
    number = numbers.ids([subject]).get(subject)
    if number is None:
        return []
    used = {row[1] for rows in _hot([number], start, end).values() for row in rows}
    width = Case(
        *[When(level=level, then=Value(span)) for level, span in levels.SPANS.items()], output_field=IntegerField()
    )
    blocks = Block.objects.filter(level__in=levels.SPANS, subject=number, start__lt=end, start__gt=start - DAY)
    used |= set(blocks.filter(start__gt=Value(start) - width).order_by().values_list("layout", flat=True).distinct())
    return sorted({name for layout in numbers.columns(used).values() for name in layout})


def bands(subjects: Sequence[str], names: Sequence[str], start: float, end: float, points: int) -> dict[str, Band]:
    """See `xqplatform.metrics.bands`."""
    # Samples of several subjects have no moment in common, so the buckets are wider than a tick.
    view = levels.view(
        start, end, min(points, max(1, int((end - start) / (2 * FINE)))), time.time(), settings.METRICS_KEEP
    )
    step = max(view.step, 2 * FINE)
    buckets: dict[str, dict[int, list[Sum]]] = {name: defaultdict(list) for name in names}
    # A portion at a time: of a thousand instances the columns would not fit.
    for ids in _portions(list(numbers.ids(subjects).values()), 64):
        for parts in gather(ids, set(names), view).values():
            for name, held in cells.folded(parts, names, step).items():
                into = buckets[name]
                for at, one in held:
                    into[at].append(one)
    return {name: _band(name, step, held, view) for name, held in buckets.items()}


def _band(name: str, step: int, buckets: Mapping[int, Sequence[Sum]], view: View) -> Band:
    points = [_together(at, buckets[at]) for at in sorted(buckets) if view.lo <= at < view.hi]
    return Band(name, catalogue.find(name).unit, step, points)


def _together(at: int, sums: Sequence[Sum]) -> BandPoint:
    counts, totals, lows, highs = zip(*sums, strict=True)
    # The means, each between its lowest and highest.
    means = map(min, map(max, map(truediv, totals, counts), lows), highs)
    return BandPoint(float(at), min(lows), sum(means) / len(sums), max(highs), len(sums))


def lives(subject: str, start: float, end: float) -> list[Life]:
    """See `xqplatform.metrics.lives`."""
    number = numbers.ids([subject]).get(subject, 0)
    rows: Iterable[LifeRow] = LifeRow.objects.filter(subject=number, last__gte=start, first__lte=end).order_by("first")
    return [Life(row.life, row.first, row.last) for row in rows]
