"""Giving series out (for now: of the hot rows)."""

from __future__ import annotations

import time
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence

from xqplatform.metrics import catalogue, keys, numbers
from xqplatform.metrics.models import Hot
from xqplatform.metrics.models import Life as LifeRow
from xqplatform.metrics.points import Band, BandPoint, Life, Point, Series

STEPS = (10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def _step(start: float, end: float, points: int) -> int:
    return next((s for s in STEPS if (end - start) / s <= points), STEPS[-1])


def _rows(start: float, end: float) -> Iterator[tuple[int, float, dict[str, float]]]:
    query = Hot.objects.filter(id__gte=keys.first(int(start // 10)), id__lt=keys.first(int(end // 10) + 1))
    rows = list(query.order_by("id").values_list("id", "layout", "data"))
    columns = numbers.columns({layout for _n, layout, _d in rows})
    for number, layout, data in rows:
        moment = keys.time_of(number)
        if start <= moment <= end:
            yield keys.subject_of(number), moment, dict(zip(columns[layout], array("f", bytes(data)), strict=True))


def series(subjects: Sequence[str], metrics: Sequence[str], start: float, end: float, points: int) -> list[Series]:
    step = _step(start, end, points)
    ids = numbers.ids(subjects)
    found: dict[tuple[int, str], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for subject, moment, values in _rows(start, end):
        for metric in metrics:
            if metric in values:
                found[subject, metric][moment if step == 10 else moment // step * step].append(values[metric])
    return [
        Series(
            subject,
            metric,
            catalogue.find(metric).unit,
            step,
            [Point(t, sum(v) / len(v), min(v), max(v), len(v)) for t, v in sorted(found[ids[subject], metric].items())],
        )
        for subject in subjects
        for metric in metrics
        if subject in ids and (ids[subject], metric) in found
    ]


def names(subject: str, start: float, end: float) -> list[str]:
    number = numbers.ids([subject]).get(subject, 0)
    return sorted({name for who, _t, values in _rows(start, end) if who == number for name in values})


def latest(subjects: Sequence[str] | None, within: float) -> dict[str, tuple[float, dict[str, float]]]:
    now = time.time()
    rows = {who: (moment, values) for who, moment, values in _rows(now - within, now + 60)}
    known = numbers.subjects(rows)
    wanted = None if subjects is None else set(subjects)
    return {known[who]: row for who, row in rows.items() if wanted is None or known[who] in wanted}


def over(subjects: Sequence[str], metric: str, start: float, end: float, points: int) -> Band:
    step = max(_step(start, end, points), 20)
    buckets: dict[float, list[Point]] = defaultdict(list)
    for one in series(subjects, [metric], start, end, int((end - start) / step) or 1):
        for point in one.points:
            buckets[point.time // step * step].append(point)
    made = [
        BandPoint(t, min(p.min for p in ps), sum(p.avg for p in ps) / len(ps), max(p.max for p in ps), len(ps))
        for t, ps in sorted(buckets.items())
    ]
    return Band(metric, catalogue.find(metric).unit, step, made)


def lives(subject: str, start: float, end: float) -> list[Life]:
    number = numbers.ids([subject]).get(subject, 0)
    rows = LifeRow.objects.filter(subject=number, last__gte=start, first__lte=end).order_by("first")
    return [Life(row.life, row.first, row.last) for row in rows]
