"""Samples and roll-ups of one subject as columns, and what is made of them. Pure.

Raw: samples, each with its own time. Cells: fixed buckets with count, mean, lowest and highest. Cells of cells are what cells
of the samples would have been, in whatever portions they came.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, groupby, pairwise, repeat
from operator import gt, itemgetter, mul, sub, truediv
from typing import Any, NamedTuple

from xqplatform.metrics.points import Point

ABSENT = float("nan")
Sum = tuple[int, float, float, float]  # count, sum, lowest, highest


@dataclass(slots=True)
class Raw:
    """`times` in 1/100 s, rising. A column a name; what was not measured is not finite."""

    times: Sequence[int]
    columns: Mapping[str, Sequence[float]]

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
    columns: Mapping[str, Column]


Part = Raw | Cells


class Stretch(NamedTuple):
    """Rows `first` to before `last` fall into buckets of `width` rows each, which begin at `starts` (seconds)."""

    width: int
    first: int
    last: int
    starts: list[int]


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


def _stretches(bounds: Iterable[tuple[int, int, int]], step: int) -> list[Stretch]:
    """Buckets that follow each other and hold equally many rows, together: those are folded without a step of Python each."""
    found = []
    for width, run in groupby(bounds, lambda bound: bound[2] - bound[1]):
        several = list(run)
        found.append(Stretch(width, several[0][1], several[-1][2], [bucket * step for bucket, _i, _j in several]))
    return found


@dataclass(slots=True)
class Folded:
    """Buckets as columns: their starts (seconds, rising), and of each the count, sum, lowest and highest."""

    starts: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[int, Sum]]:
        sums = zip(self.counts, self.totals, self.lows, self.highs, strict=True)
        return zip(self.starts, sums, strict=True)

    def put(self, starts: Sequence[int], *columns: Iterable[float]) -> None:
        self.starts += starts
        mine: tuple[list[Any], ...] = (self.counts, self.totals, self.lows, self.highs)
        for column, more in zip(mine, columns, strict=True):
            column.extend(more)

    def plus(self, other: Folded) -> Folded:
        """Both together. What follows is put behind; only buckets that both have are added."""
        if self.starts and other.starts and other.starts[0] <= self.starts[-1]:
            held: dict[int, Sum] = dict(self)
            for start, one in other:
                held[start] = add(held.get(start), one)
            both = Folded()
            both.put(sorted(held), *zip(*(held[start] for start in sorted(held)), strict=True))
            return both
        self.put(other.starts, other.counts, other.totals, other.lows, other.highs)
        return self


def _fold_raw(values: Sequence[float], stretches: Sequence[Stretch]) -> Folded:
    numbers, found = list(values), Folded()
    total = sum(numbers)
    whole = total - total == 0  # neither an infinite nor an absent one
    for width, first, last, starts in stretches:
        groups = list(_groups(numbers[first:last], width))
        if whole:
            found.put(starts, repeat(width, len(starts)), map(sum, groups), map(min, groups), map(max, groups))
            continue
        for start, group in zip(starts, groups, strict=True):
            part = [v for v in group if v - v == 0]
            if part:
                found.put([start], [len(part)], [sum(part)], [min(part)], [max(part)])
    return found


def _fold_cells(column: Column, stretches: Sequence[Stretch]) -> Folded:
    found = Folded()
    still = _still(column)
    for width, first, last, starts in stretches:
        counts = list(column.counts[first:last])
        if 0 in counts:
            _fold_holes(column, Stretch(width, first, last, starts), found)
            continue
        many = list(map(sum, _groups(counts, width)))
        if still is not None:
            same = [still] * len(starts)
            found.put(starts, many, map(mul, many, same), same, same)
            continue
        totals = map(sum, _groups(map(mul, counts, column.means[first:last]), width))
        lows, highs = _groups(column.lows[first:last], width), _groups(column.highs[first:last], width)
        found.put(starts, many, totals, map(min, lows), map(max, highs))
    return found


def _fold_holes(column: Column, stretch: Stretch, into: Folded) -> None:
    """Where nothing was measured in some of the cells."""
    for n, start in enumerate(stretch.starts):
        first = stretch.first + n * stretch.width
        held = [k for k in range(first, first + stretch.width) if column.counts[k]]
        if held:
            total = sum(column.counts[k] * column.means[k] for k in held)
            counts, lows, highs = ([of[k] for k in held] for of in (column.counts, column.lows, column.highs))
            into.put([start], [int(sum(counts))], [total], [min(lows)], [max(highs)])


def _still(column: Column) -> float | None:
    """The value of a column that stands still, as most do that count errors: nothing of it has to be compared."""
    lows, highs = column.lows, column.highs
    if not (isinstance(lows, array) and isinstance(highs, array) and lows):
        return None
    told = lows.tobytes()
    return lows[0] if told == highs.tobytes() == told[: lows.itemsize] * len(lows) else None


def _groups(values: Iterable[Any], width: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(values)] * width, strict=True)


def folded(parts: Iterable[Part], names: Iterable[str], step: int) -> dict[str, Folded]:
    """What falls into each bucket of `step` seconds, by name, over parts of any fineness."""
    found = {name: Folded() for name in names}
    for part in _joined(parts, list(found)):
        stretches = _stretches(_bounds(part.times, step * 100 if isinstance(part, Raw) else step), step)
        for name, before in found.items():
            column = part.columns.get(name)
            if column is not None:
                fold = _fold_cells(column, stretches) if isinstance(column, Column) else _fold_raw(column, stretches)
                found[name] = before.plus(fold)
    return found


def sums(parts: Iterable[Part], names: Iterable[str], step: int) -> dict[str, dict[int, Sum]]:
    """The same as count, sum, lowest and highest by name and bucket (by its start)."""
    return {name: dict(held) for name, held in folded(parts, names, step).items()}


def _joined(parts: Iterable[Part], names: Sequence[str]) -> Iterator[Part]:
    """The parts, neighbours with the same of these names as one: a day's hours are folded at once, not hour by hour."""
    for (kind, have), run in groupby(parts, lambda part: (type(part), tuple(n for n in names if n in part.columns))):
        several: list[Any] = list(run)
        if len(several) == 1 or any(a.times[-1] >= b.times[0] for a, b in pairwise(p for p in several if p.times)):
            yield from several
            continue
        times = _chained([part.times for part in several])
        if kind is Raw:
            yield Raw(times, {name: _chained([part.columns[name] for part in several]) for name in have})
            continue
        fields = ("counts", "means", "lows", "highs")
        columns = {n: Column(*(_chained([getattr(p.columns[n], f) for p in several]) for f in fields)) for n in have}
        yield Cells(times, columns)


def _chained(parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
    first = parts[0]
    if all(isinstance(part, array) for part in parts):
        return array(first.typecode, b"".join(parts))  # type: ignore[attr-defined, call-overload, arg-type]
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
    if not part.times:
        return {}
    whole = _stretches([(0, 0, len(part.times))], 1)
    found: dict[str, Sum] = {}
    for name, column in part.columns.items():
        fold = _fold_cells(column, whole) if isinstance(column, Column) else _fold_raw(column, whole)
        found.update((name, held) for _start, held in fold)
    return found


_point = partial(tuple.__new__, Point)  # a third of what calling the class costs, for thousands of them


def bucket_points(held: Folded, start: float, end: float) -> list[Point]:
    """Points of the buckets that begin from `start` to before `end`."""
    first, last = bisect_left(held.starts, start), bisect_left(held.starts, end)
    counts, lows, highs = held.counts[first:last], held.lows[first:last], held.highs[first:last]
    means = list(map(truediv, held.totals[first:last], counts))
    if any(map(gt, lows, means)) or any(map(gt, means, highs)):  # by rounding
        means = list(map(min, map(max, means, lows), highs))
    rows = zip(map(float, held.starts[first:last]), means, lows, highs, counts, strict=True)
    return list(map(_point, rows))


def single_points(parts: Iterable[Part], name: str, start: float, end: float) -> list[Point]:
    """A point for each sample or cell, with its own time, from `start` to `end`."""
    points: list[Point] = []
    for part in parts:
        column = part.columns.get(name)
        if isinstance(part, Cells):
            if isinstance(column, Column):
                rows = zip(part.times, column.means, column.lows, column.highs, column.counts, strict=True)
                points += [_point((float(t), m, lo, hi, c)) for t, m, lo, hi, c in rows if c and start <= t <= end]
        elif column is not None and not isinstance(column, Column):
            pairs = zip(part.times, column, strict=True)
            points += [_point((at, v, v, v, 1)) for t, v in pairs if v - v == 0 and start <= (at := t / 100) <= end]
    return points


def usual_gap(points: Sequence[Point]) -> float:
    """Seconds between neighbours, as most have it: the median; 0 of fewer than three points."""
    if len(points) < 3:
        return 0.0
    times = [point[0] for point in points]
    gaps = sorted(map(sub, times[1:], times))
    return gaps[len(gaps) // 2]
