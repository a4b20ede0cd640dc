"""Giving series out: blocks where there are some, hot rows where there are none yet, folded into the buckets asked for."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings
from django.db.models import IntegerField, Value
from django.db.models.expressions import Case, When

from xqplatform.metrics import catalogue, cells, hot, keys, levels, numbers, packing
from xqplatform.metrics.cells import Part
from xqplatform.metrics.levels import DAY, FINE, HOUR, MINUTE, View
from xqplatform.metrics.models import Block, Due
from xqplatform.metrics.models import Life as LifeRow
from xqplatform.metrics.points import Band, BandPoint, Life, Point, Series

MANY = 60  # subjects from which on the latest of all are read and sorted out
LATELY = 15  # ticks, with those ahead of the clock, in which whoever is measured has a sample


def series(subjects: Sequence[str], metrics: Sequence[str], start: float, end: float, points: int) -> list[Series]:
    """See `xqplatform.metrics.series`."""
    view = levels.view(start, end, points, time.time(), settings.METRICS_KEEP)
    ids = numbers.ids(subjects)
    parts = gather(list(ids.values()), set(metrics), view)
    found: list[Series] = []
    for subject in subjects:
        if subject in ids:
            found += _of_subject(subject, metrics, parts.get(ids[subject], []), view, (start, end))
    return found


def _of_subject(
    subject: str, metrics: Sequence[str], parts: Sequence[Part], view: View, asked: tuple[float, float]
) -> Iterator[Series]:
    folded = {} if view.single else cells.sums(parts, metrics, view.step)
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


def gather(ids: Sequence[int], wanted: set[str], view: View) -> dict[int, list[Part]]:
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


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[i : i + 400] for i in range(0, len(ids), 400))


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


def latest(subjects: Sequence[str] | None, within: float) -> dict[str, tuple[float, dict[str, float]]]:
    """See `xqplatform.metrics.latest`."""
    now = time.time()
    first, last = math.floor((now - within) / keys.TICK), math.floor((now + settings.METRICS_AHEAD) / keys.TICK)
    rows = _newest_rows(subjects, first, last)
    layouts = numbers.columns({row[1] for row in rows})
    # What an application tells comes in samples of its own: they stand beside the newest of the system, not in its place.
    own = {layout for layout, names in layouts.items() if all(name.startswith(catalogue.APP) for name in names)}
    # In the order of their times. What is not in an application's last sample it may have told in the one before.
    told = {keys.subject_of(row[0]): (row[0] >> keys.TICK_SHIFT) - LATELY for row in rows if row[1] in own}
    newest = {
        (keys.subject_of(row[0]), row[0] if row[1] in own else 0): row
        for row in rows
        if row[1] not in own or row[0] >> keys.TICK_SHIFT >= told[keys.subject_of(row[0])]
    }
    found = numbers.subjects(number for number, _own in newest)
    wanted = None if subjects is None else set(subjects)
    answer: dict[str, tuple[float, dict[str, float]]] = {}
    for (number, of_own), (key, layout, data) in sorted(newest.items(), key=lambda item: (item[0][1] != 0, item[1][0])):
        name, at = found.get(number, ""), keys.time_of(key)
        if name and at >= now - within and (wanted is None or name in wanted):
            pairs = zip(layouts[layout], memoryview(data).cast("f"), strict=True)
            values = {metric: value for metric, value in pairs if value - value == 0}
            if of_own and name in answer:
                answer[name][1].update(values)
            else:
                answer[name] = (at, values)
    return answer


def _newest_rows(subjects: Sequence[str] | None, first: int, last: int) -> list[hot.Row]:
    """Rows that hold the newest of each. Of many an hour's rows would be millions: only who said nothing lately is looked for further back."""
    if subjects is None:
        return hot.of_all(first, last)
    ids = set(numbers.ids(subjects).values())
    if len(ids) <= MANY:
        return hot.of_many(ids, first, last)
    lately = max(first, last - LATELY)
    rows = [row for row in hot.of_all(lately, last) if keys.subject_of(row[0]) in ids]
    silent = ids - {keys.subject_of(row[0]) for row in rows}
    return hot.of_many(silent, first, lately - 1) + rows


def over(subjects: Sequence[str], metric: str, start: float, end: float, points: int) -> Band:
    """See `xqplatform.metrics.over`."""
    # Samples of several subjects have no moment in common, so the buckets are wider than a tick.
    view = levels.view(
        start, end, min(points, max(1, int((end - start) / (2 * FINE)))), time.time(), settings.METRICS_KEEP
    )
    parts = gather(list(numbers.ids(subjects).values()), {metric}, view)
    buckets: dict[int, list[Point]] = defaultdict(list)
    for of_one in parts.values():
        folded = cells.sums(of_one, [metric], max(view.step, 2 * FINE))[metric]
        for point in cells.bucket_points(folded, view.lo, view.hi):
            buckets[int(point.time)].append(point)
    unit = catalogue.find(metric).unit
    return Band(metric, unit, max(view.step, 2 * FINE), [_together(at, buckets[at]) for at in sorted(buckets)])


def _together(at: int, points: Sequence[Point]) -> BandPoint:
    mean = sum(p.avg for p in points) / len(points)
    return BandPoint(float(at), min(p.min for p in points), mean, max(p.max for p in points), len(points))


def lives(subject: str, start: float, end: float) -> list[Life]:
    """See `xqplatform.metrics.lives`."""
    number = numbers.ids([subject]).get(subject, 0)
    rows: Iterable[LifeRow] = LifeRow.objects.filter(subject=number, last__gte=start, first__lte=end).order_by("first")
    return [Life(row.life, row.first, row.last) for row in rows]
