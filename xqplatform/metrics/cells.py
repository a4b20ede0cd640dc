"""Samples and roll-ups of one subject as columns, and what is made of them. Pure.

Raw: samples, each with its own time. Cells: fixed buckets with count, mean, lowest and highest. Cells of cells are what cells
of the samples would have been, in whatever portions they came.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from operator import itemgetter, mul
from typing import Any

from xqplatform.metrics.points import Point

ABSENT = float("nan")
Sum = tuple[int, float, float, float]  # count, sum, lowest, highest


@dataclass(slots=True)
class Raw:
    """`times` in 1/100 s, rising. A column a name; what was not measured is not finite."""

    times: Sequence[int]
    columns: dict[str, Sequence[float]]

    def part(self, start: float, end: float) -> Raw:
        """The samples from `start` to before `end` (seconds)."""
        i, j = bisect_left(self.times, start * 100), bisect_left(self.times, end * 100)
        if (i, j) == (0, len(self.times)):
            return self
        return Raw(self.times[i:j], {name: column[i:j] for name, column in self.columns.items()})


@dataclass(slots=True)
class Column:
    counts: Sequence[int]
    means: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]


@dataclass(slots=True)
class Cells:
    """`times`: the buckets' starts in seconds, rising. A count of 0: nothing was measured there."""

    times: Sequence[int]
    columns: dict[str, Column]


Part = Raw | Cells


def raw_of(
    rows: Sequence[tuple[int, int, bytes]], layouts: Mapping[int, Sequence[str]], wanted: set[str] | None = None
) -> Raw:
    """Rows (time in 1/100 s, layout, float32 data) in the order of their times; only the wanted names."""
    times = [row[0] for row in rows]
    columns: dict[str, Sequence[float]] = {}
    at = 0
    for layout, run in groupby(rows, itemgetter(1)):
        data = [row[2] for row in run]
        floats = array("f", b"".join(data))
        names, end = layouts[layout], at + len(data)
        for place, name in enumerate(names):
            if wanted is not None and name not in wanted:
                continue
            values = floats[place :: len(names)]
            if len(data) == len(rows):
                columns[name] = values
                continue
            column = columns.setdefault(name, array("f", [ABSENT]) * len(rows))
            column[at:end] = values  # type: ignore[index]
        at = end
    return Raw(times, columns)


def merged(first: Raw, second: Raw) -> Raw:
    """Both together; of two samples of one moment the first counts."""
    seen = set(first.times)
    places = [(time, 0, i) for i, time in enumerate(first.times)]
    places += [(time, 1, i) for i, time in enumerate(second.times) if time not in seen]
    places.sort()
    columns = {}
    for name in sorted({**first.columns, **second.columns}):
        both = (first.columns.get(name), second.columns.get(name))
        columns[name] = array("f", [ABSENT if (c := both[which]) is None else c[i] for _t, which, i in places])
    return Raw([time for time, _which, _i in places], dict(columns))


def add(one: Sum | None, other: Sum) -> Sum:
    if one is None:
        return other
    return one[0] + other[0], one[1] + other[1], min(one[2], other[2]), max(one[3], other[3])


def _bounds(times: Sequence[int], width: int) -> list[tuple[int, int, int]]:
    """Which of the rising times lie in which bucket: (number of the bucket, from, to)."""
    found, i, total = [], 0, len(times)
    while i < total:
        bucket = times[i] // width
        j = bisect_left(times, (bucket + 1) * width, i + 1)
        found.append((bucket, i, j))
        i = j
    return found


def _raw_sums(values: Sequence[float], bounds: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, Sum]]:
    numbers = list(values)
    total = sum(numbers)
    whole = total - total == 0  # neither an infinite nor an absent one
    for bucket, i, j in bounds:
        part = numbers[i:j]
        if not whole:
            part = [v for v in part if v - v == 0]
            if not part:
                continue
        yield bucket, (len(part), sum(part), min(part), max(part))


def _cell_sums(column: Column, bounds: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, Sum]]:
    counts, means, lows, highs = list(column.counts), list(column.means), list(column.lows), list(column.highs)
    whole = 0 not in counts
    for bucket, i, j in bounds:
        if whole:
            some = counts[i:j]
            yield bucket, (sum(some), sum(map(mul, some, means[i:j])), min(lows[i:j]), max(highs[i:j]))
            continue
        held = [k for k in range(i, j) if counts[k]]
        if held:
            total = sum(counts[k] * means[k] for k in held)
            yield bucket, (sum(counts[k] for k in held), total, min(lows[k] for k in held), max(highs[k] for k in held))


def sums(parts: Iterable[Part], names: Iterable[str], step: int) -> dict[str, dict[int, Sum]]:
    """Count, sum, lowest and highest by name and bucket of `step` seconds (by its start), over parts of any fineness."""
    found: dict[str, dict[int, Sum]] = {name: {} for name in names}
    for part in _joined(parts, list(found)):
        raw = isinstance(part, Raw)
        bounds = _bounds(part.times, step * 100 if raw else step)
        for name, into in found.items():
            column = part.columns.get(name)
            if column is None:
                continue
            each = _cell_sums(column, bounds) if isinstance(column, Column) else _raw_sums(column, bounds)
            if not into:
                into.update([(bucket * step, held) for bucket, held in each])
                continue
            for bucket, held in each:
                start = bucket * step
                into[start] = add(into.get(start), held)
    return found


def _joined(parts: Iterable[Part], names: Sequence[str]) -> Iterator[Part]:
    """The parts, neighbours with the same of these names as one: a day's hours are folded at once, not hour by hour."""
    for (kind, have), run in groupby(parts, lambda part: (type(part), tuple(n for n in names if n in part.columns))):
        several: list[Any] = list(run)
        if len(several) == 1 or any(a.times[-1] >= b.times[0] for a, b in pairwise(p for p in several if p.times)):
            yield from several
            continue
        times = _chained(part.times for part in several)
        if kind is Raw:
            yield Raw(times, {name: _chained(part.columns[name] for part in several) for name in have})
            continue
        fields = ("counts", "means", "lows", "highs")
        columns = {n: Column(*(_chained(getattr(p.columns[n], f) for p in several) for f in fields)) for n in have}
        yield Cells(times, columns)


def _chained(parts: Iterable[Sequence[Any]]) -> list[Any]:
    return list(chain.from_iterable(parts))


def rolled(parts: Sequence[Part], step: int) -> Cells:
    """The cells of `step` seconds of all that the parts hold."""
    names = sorted({name for part in parts for name in part.columns})
    found = {name: held for name, held in sums(parts, names, step).items() if held}
    times = sorted({start for held in found.values() for start in held})
    return Cells(times, {name: _column(held, times) for name, held in found.items()})


def _column(held: Mapping[int, Sum], times: Sequence[int]) -> Column:
    none = (0, 0.0, ABSENT, ABSENT)
    rows = [held.get(start, none) for start in times]
    return Column(
        array("I", [count for count, _s, _l, _h in rows]),
        array("f", [total / count if count else ABSENT for count, total, _l, _h in rows]),
        array("f", [low for _c, _s, low, _h in rows]),
        array("f", [high for _c, _s, _l, high in rows]),
    )


def totals(part: Part) -> dict[str, Sum]:
    """All of a part together, by name."""
    bounds = [(0, 0, len(part.times))]
    found = {}
    for name, column in part.columns.items():
        each = _cell_sums(column, bounds) if isinstance(column, Column) else _raw_sums(column, bounds)
        for _bucket, held in each if part.times else ():
            found[name] = held
    return found


def bucket_points(held: Mapping[int, Sum], start: float, end: float) -> list[Point]:
    """Points of the buckets that begin from `start` to before `end`."""
    return [
        Point(float(at), min(max(total / count, low), high), low, high, count)
        for at, (count, total, low, high) in sorted(held.items())
        if start <= at < end
    ]


def single_points(parts: Iterable[Part], name: str, start: float, end: float) -> list[Point]:
    """A point for each sample or cell, with its own time, from `start` to `end`."""
    points: list[Point] = []
    for part in parts:
        column = part.columns.get(name)
        if isinstance(part, Cells):
            if isinstance(column, Column):
                rows = zip(part.times, column.means, column.lows, column.highs, column.counts, strict=True)
                points += [Point(float(t), m, lo, hi, c) for t, m, lo, hi, c in rows if c and start <= t <= end]
        elif column is not None and not isinstance(column, Column):
            pairs = zip(part.times, column, strict=True)
            points += [Point(t / 100, v, v, v, 1) for t, v in pairs if v - v == 0 and start <= t / 100 <= end]
    return points


def usual_gap(points: Sequence[Point]) -> float:
    """Seconds between neighbours, as most have it: the median; 0 of fewer than three points."""
    if len(points) < 3:
        return 0.0
    gaps = sorted(points[i + 1].time - points[i].time for i in range(len(points) - 1))
    return gaps[len(gaps) // 2]
