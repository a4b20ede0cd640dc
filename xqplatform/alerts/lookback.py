"""When a rule would have fired in the last days: the same judge over stored series, bounded in time.

Subjects that came nearest to the threshold are looked at first. Points are averages of a minute, where an evaluation sees
every sample: short peaks may be missing here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from xqplatform import metrics
from xqplatform.alerts import lookback_states, sources, subjects
from xqplatform.alerts.conditions import C, device_of, limits_of
from xqplatform.alerts.judge import GAP, Limits, Seen, Span, spans
from xqplatform.alerts.models import Rule
from xqplatform.alerts.observe import devices, in_scope
from xqplatform.alerts.subjects import About
from xqplatform.metrics import catalogue

DAYS = 7
BUDGET = 3.0  # seconds
CHUNK = 10  # subjects read at once
NEAREST = 200


@dataclass
class Row:
    about: About
    device: str
    spans: list[Span]

    def seconds(self, end: float) -> float:
        return sum((span.end or end) - span.start for span in self.spans)


@dataclass
class LookBack:
    start: float
    end: float
    total: int = 0  # subjects in scope
    looked: int = 0
    silent: int = 0  # of those looked at, without any data
    complete: bool = True  # whether those not looked at cannot have fired
    kept: bool = True  # whether anything was kept to look at
    of_states: bool = False  # from records of when a state held, not from series
    rows: list[Row] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(row.spans) for row in self.rows)

    @property
    def longest(self) -> float:
        return max((span.end or self.end) - span.start for row in self.rows for span in row.spans) if self.rows else 0.0


def look_back(rule: Rule, now: float | None = None, *, days: float = DAYS, budget: float = BUDGET) -> LookBack:
    now = time.time() if now is None else now
    found = LookBack(now - days * 86400, now)
    source = sources.SOURCES.get(rule.source) if rule.source else None
    if rule.source and (source is None or source.history is None):
        found.kept = False
        return found
    world = {s: about for s, about in subjects.world([rule.kind]).items() if in_scope(rule, about)}
    found.total = len(world)
    if source is not None and source.history is not None:
        times, found.looked = lookback_states.look(rule, source.history, world, found.start, now, budget=budget)
        found.rows = [Row(world[subject], device, fired) for (subject, device), fired in times.items()]
        found.complete, found.of_states = found.looked == found.total, True
        found.rows.sort(key=lambda row: -row.seconds(now))
        return found
    deadline = time.monotonic() + budget
    order, complete = _order(rule, world, found)
    for at in range(0, len(order), CHUNK):
        if time.monotonic() > deadline:
            complete = False
            break
        _look(rule, order[at : at + CHUNK], world, found)
    found.complete = complete
    found.rows.sort(key=lambda row: -row.seconds(now))
    return found


def _order(rule: Rule, world: dict[str, About], found: LookBack) -> tuple[list[str], bool]:
    """Which subjects to look at, the likeliest first, and whether the others cannot have fired."""
    if rule.condition == C.ABOVE and not catalogue.find(rule.metric).device:
        highest = metrics.top(rule.metric, found.start, found.end, kind=rule.kind, n=NEAREST, by="max")
        beyond = [s for s, value in highest if value > rule.threshold]
        return [s for s in beyond if s in world], len(beyond) < NEAREST
    return list(world), True


def _look(rule: Rule, chunk: Sequence[str], world: dict[str, About], found: LookBack) -> None:
    found.looked += len(chunk)
    names = devices(rule.metric, (metrics.names(s, found.end - 3600, found.end) for s in chunk))
    part = catalogue.find(rule.metric).limit if rule.condition == C.LIMIT else ""
    wholes = [_whole(name, part) for name in names] if part else []
    rows = metrics.series(
        chunk, [*names, *wholes], found.start, found.end, points=round((found.end - found.start) / 60)
    )
    by_key = {(row.subject, row.metric): row for row in rows}
    heard = set()
    for (subject, name), row in by_key.items():
        if name not in names or not row.points:
            continue
        heard.add(subject)
        limits = limits_of(rule, gap=max(GAP, 3 * row.level))
        whole = by_key.get((subject, _whole(name, part))) if part else None
        fired = list(spans(limits, _observations(rule, limits, row, whole, found.end)))
        if fired:
            found.rows.append(Row(world[subject], device_of(name)[1], fired))
    found.silent += len(chunk) - len(heard)


def _whole(name: str, part: str) -> str:
    device = device_of(name)[1]
    return f"{part}[{device}]" if device else part


def _observations(
    rule: Rule, limits: Limits, row: metrics.Series, whole: metrics.Series | None, end: float
) -> Iterable[Seen]:
    if rule.condition == C.ABSENT:
        return _gaps(row, end)
    if rule.condition == C.RISE:
        return _rises(row, rule.hold)
    if rule.condition == C.LIMIT:
        sizes = {point.time: point.avg for point in whole.points} if whole else {}
        return (Seen(p.time, 100 * p.avg / sizes[p.time]) for p in row.points if sizes.get(p.time))
    return (Seen(point.time, point.avg) for point in row.points)


def _gaps(row: metrics.Series, end: float) -> Iterator[Seen]:
    """There, or missing since: one observation a point's length."""
    step = max(row.level, 10.0)
    for point, after in zip(row.points, [*(p.time for p in row.points[1:]), end], strict=True):
        yield Seen(point.time, 0.0)
        at = point.time + 2 * step
        while at < after:
            yield Seen(at, 1.0, point.time + step)
            at += step


def _rises(row: metrics.Series, seconds: float) -> Iterator[Seen]:
    """The last value against the lowest of the time before it."""
    lowest: deque[tuple[float, float]] = deque()
    for point in row.points:
        while lowest and lowest[0][0] < point.time - seconds:
            lowest.popleft()
        while lowest and lowest[-1][1] >= point.min:
            lowest.pop()
        lowest.append((point.time, point.min))
        yield Seen(point.time, point.avg - lowest[0][1])
