"""Charts as data: what is wanted of a subject (specs), put on a grid of times, ready for a page, JSON or CSV. Pure.

A grid has one place every `step` seconds; a place without a sample is None and is drawn as a gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.utils.text import slugify

from xqplatform.metrics import catalogue, units
from xqplatform.metrics.ranges import Range

Values = list[float | None]
# A limit is drawn once the values come this near to it; the legend always says it.
LIMIT_NEAR = 0.4
MOST_PLACES = 1500
STALE_AFTER = 45.0  # seconds; three missed ticks and a little


class PointLike(Protocol):
    """What the store's points have."""

    @property
    def time(self) -> float: ...
    @property
    def avg(self) -> float: ...
    @property
    def min(self) -> float: ...
    @property
    def max(self) -> float: ...
    @property
    def count(self) -> int: ...


@dataclass(frozen=True)
class Grid:
    start: float
    step: float
    count: int

    @property
    def shift(self) -> float:
        """A bucket of a roll-up is drawn at its middle, a sample where it is."""
        return self.step / 2 if self.step >= 60 else 0.0

    def time(self, place: int) -> float:
        return self.start + place * self.step + self.shift

    def place(self, time: float) -> int:
        return math.floor((time - self.start) / self.step)


def grid_of(start: float, end: float, step: float) -> Grid:
    """Places on round multiples of the step, so that they stay where they are while a live range moves on."""
    step = max(1.0, step, (end - start) / MOST_PLACES)
    first = math.floor(start / step) * step
    return Grid(first, step, max(1, math.floor((end - first) / step) + 1))


def column(points: Iterable[PointLike], grid: Grid, of: str = "avg") -> Values:
    """One value a place. Ticks that jitter over a border leave no hole between two samples that follow each other.

    `of`: avg, min, max, or «total»: what all samples of the place say together, for counts of what happened in a tick.
    """
    if of == "total":
        return _totals(points, grid)
    values: Values = [None] * grid.count
    before: tuple[int, float, float] | None = None
    for point in points:
        place, value = grid.place(point.time), float(getattr(point, of))
        if not 0 <= place < grid.count or not math.isfinite(value):
            continue
        if before is not None and place - before[0] == 2 and point.time - before[1] < 1.5 * grid.step:
            values[place - 1] = (before[2] + value) / 2
        values[place] = value
        before = (place, point.time, value)
    return values


def _totals(points: Iterable[PointLike], grid: Grid) -> Values:
    values: Values = [None] * grid.count
    for point in points:
        place = grid.place(point.time)
        if 0 <= place < grid.count and math.isfinite(point.avg):
            values[place] = (values[place] or 0.0) + point.avg * point.count
    return values


@dataclass
class Line:
    key: str
    label: str
    colour: str
    values: Values = field(default_factory=list)
    low: Values | None = None
    high: Values | None = None
    fill: bool = False
    thin: bool = False
    now: float | None = None  # the newest value where it is newer than the last place
    url: str = ""

    @property
    def last(self) -> float | None:
        if self.now is not None:
            return self.now
        return next((v for v in reversed(self.values) if v is not None), None)

    @property
    def top(self) -> float:
        return max((v for v in (self.high or self.values) if v is not None), default=0.0)

    @property
    def empty(self) -> bool:
        return all(v is None for v in self.values)


@dataclass(frozen=True)
class Limit:
    label: str
    value: float


@dataclass(frozen=True)
class Mark:
    """Something that happened at a moment: `kind` is release, oom, limits, snapshot or restore."""

    time: float
    kind: str
    label: str
    url: str = ""


@dataclass(frozen=True)
class Life:
    """A container's own life, for the band below; `end` None: it runs."""

    start: float
    end: float | None
    label: str
    url: str = ""


@dataclass
class Chart:
    key: str
    title: str
    unit: str
    grid: Grid
    range: Range
    lines: list[Line]
    limits: list[Limit] = field(default_factory=list)
    marks: Sequence[Mark] = ()
    lives: Sequence[Life] = ()
    note: str = ""

    @property
    def empty(self) -> bool:
        return all(line.empty for line in self.lines)

    @property
    def top(self) -> float:
        """How far the values reach, and the limits that they come near to."""
        reach = max((line.top for line in self.lines), default=0.0)
        return max([reach, *(limit.value for limit in self.limits if reach >= LIMIT_NEAR * limit.value)])

    @property
    def steps(self) -> list[float]:
        return units.steps(self.unit, self.top * 1.05)

    @property
    def first_line(self) -> Line | None:
        return next((line for line in self.lines if not line.thin), self.lines[0] if self.lines else None)

    def at(self, time: float) -> float:
        """Where a moment is, in per cent of the width."""
        return 100 * (time - self.range.start) / self.range.seconds

    @property
    def shown_marks(self) -> list[tuple[float, Mark]]:
        return [(round(self.at(m.time), 3), m) for m in self.marks if self.range.start <= m.time <= self.range.end]

    @property
    def shown_lives(self) -> list[tuple[float, float, Life]]:
        """Left and width in per cent of what of each life is in the range."""
        found = []
        for life in self.lives:
            left = max(0.0, self.at(life.start))
            right = 100.0 if life.end is None else min(100.0, self.at(life.end))
            if right > 0 and left < 100:
                found.append((round(left, 3), round(max(0.2, right - left), 3), life))
        return found

    def as_json(self, since: float | None = None) -> dict[str, Any]:
        """What static/charts.js draws; `since` leaves out the places before it."""
        first = 0 if since is None else min(self.grid.count, max(0, self.grid.place(since)))
        return {
            "key": self.key,
            "title": self.title,
            "unit": self.unit,
            "words": str(units.WORDS.get(self.unit, self.unit)),
            "start": self.grid.time(first),
            "step": self.grid.step,
            "count": self.grid.count - first,
            "from": self.range.start,
            "to": self.range.end,
            "lines": [_line_json(line, first) for line in self.lines],
            "limits": [{"label": limit.label, "value": limit.value} for limit in self.limits],
            "marks": [{"at": m.time, "kind": m.kind, "label": m.label, "url": m.url} for _at, m in self.shown_marks],
        }

    def rows(self, most: int = 12) -> list[tuple[float, Values]]:
        """The same as a short table: a row is the mean of its stretch, None where it has no sample."""
        size = max(1, math.ceil(self.grid.count / most))
        found = []
        for first in range(0, self.grid.count, size):
            time = self.grid.start + first * self.grid.step
            found.append((time, [_mean(line.values[first : first + size]) for line in self.lines]))
        return found


def short(value: float | None) -> float | None:
    """Four digits are more than a chart can show."""
    return None if value is None else float(f"{value:.4g}")


def _line_json(line: Line, first: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "key": line.key,
        "label": line.label,
        "colour": line.colour,
        "values": [short(v) for v in line.values[first:]],
        "last": short(line.last),
    }
    if line.high is not None and line.low is not None:
        found["low"] = [short(v) for v in line.low[first:]]
        found["high"] = [short(v) for v in line.high[first:]]
    if line.fill:
        found["fill"] = True
    if line.thin:
        found["thin"] = True
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def together(columns: Sequence[Values]) -> tuple[Values, Values, Values]:
    """Lowest, mean and highest of many subjects at each place; a place where nobody has a sample stays a gap."""
    low: Values = []
    mean: Values = []
    high: Values = []
    for place in zip(*columns, strict=True):
        known = [v for v in place if v is not None]
        low.append(min(known) if known else None)
        mean.append(sum(known) / len(known) if known else None)
        high.append(max(known) if known else None)
    return low, mean, high


# What a page wants to see of a subject ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """A line of a chart: which metric, its words, its colour (the same thing has the same colour on all pages)."""

    metric: str
    label: Any
    colour: str
    fill: bool = False
    band: bool = False  # the lowest and highest of each bucket behind the mean
    total: bool = False  # each sample counts what happened in its tick: places show sums, not means


@dataclass(frozen=True)
class Spec:
    """A chart that is wanted. `optional`: only where a value is not zero. `limit` names a metric whose last value is the limit."""

    key: str
    title: Any
    unit: str
    wanted: tuple[Wanted, ...]
    group: Any = ""
    optional: bool = False
    limit: str = ""
    note: Any = ""

    def of_device(self, device: str, title: str) -> Spec:
        """The same chart for one device."""
        wanted = tuple(Wanted(f"{w.metric}[{device}]", w.label, w.colour, w.fill, w.band) for w in self.wanted)
        limit = f"{self.limit}[{device}]" if self.limit else ""
        key = f"{self.key}-{slugify(device.replace('/', '-')) or 'root'}"
        return Spec(key, title, self.unit, wanted, self.group, self.optional, limit, self.note)


def devices(names: Iterable[str], metric: str) -> list[str]:
    """The devices that a metric has samples of."""
    return sorted({device for base, device in map(catalogue.split, names) if base == metric and device})


def split_devices(names: Iterable[str], metric: str) -> list[str]:
    """The whole names, with their device, of a metric."""
    return sorted(name for name in names if catalogue.split(name)[0] == metric and catalogue.split(name)[1])


def metrics_of(specs: Iterable[Spec]) -> list[str]:
    """All metrics that the specs need, each once."""
    found: dict[str, None] = {}
    for spec in specs:
        found |= dict.fromkeys([w.metric for w in spec.wanted] + ([spec.limit] if spec.limit else []))
    return list(found)


def draw(
    spec: Spec,
    points: Mapping[str, Sequence[Any]],
    grid: Grid,
    span: Range,
    *,
    now: Mapping[str, float] | None = None,
    limits: Sequence[Limit] = (),
    limit_label: str = "limit",
    marks: Sequence[Mark] = (),
    lives: Sequence[Life] = (),
) -> Chart | None:
    """The chart of a spec from the points of its metrics. None where it is optional and there is nothing to see."""
    lines = []
    for wanted in spec.wanted:
        of = points.get(wanted.metric, ())
        line = Line(
            wanted.metric,
            str(wanted.label),
            wanted.colour,
            column(of, grid, "total" if wanted.total else "avg"),
            fill=wanted.fill,
        )
        if wanted.band and grid.step >= 60:
            line.low, line.high = column(of, grid, "min"), column(of, grid, "max")
        line.now = (now or {}).get(wanted.metric)
        lines.append(line)
    if spec.optional and not any(v for line in lines for v in (line.high or line.values)):
        return None
    found = list(limits)
    last = next((p.avg for p in reversed(points.get(spec.limit, ()))), None) if spec.limit else None
    if last:
        found.append(Limit(limit_label, last))
    return Chart(spec.key, str(spec.title), spec.unit, grid, span, lines, found, marks, lives, str(spec.note))


@dataclass(frozen=True)
class Group:
    title: str
    charts: list[Chart]

    @property
    def anchor(self) -> str:
        return slugify(self.title, allow_unicode=True) or "charts"


def by_heading(specs: Iterable[Spec]) -> dict[str, list[Spec]]:
    """Specs under their headings, in the order in which they came."""
    found: dict[str, list[Spec]] = {}
    for spec in specs:
        found.setdefault(str(spec.group), []).append(spec)
    return found
