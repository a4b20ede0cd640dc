"""A changed policy tried on the last week, beside the present one and beside what really was."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from containers.capacity import hourly
from containers.capacity.hourly import Rate
from containers.models import ServiceEnvironment
from containers.scaling import calendars, history
from containers.scaling.shape import Policy
from containers.scaling.simulate import STEP, WEEK, Curve, Outcome, Tally, simulate
from xqplatform.errors import Refused
from xqplatform.metrics import charts
from xqplatform.metrics.charts import Chart, Limit, Line
from xqplatform.metrics.ranges import Range

POINTS = 2016  # of the week: every five minutes


@dataclass(frozen=True)
class Column:
    """One way in which the week went, or would have."""

    title: str
    outcome: Outcome
    colour: str


@dataclass(frozen=True)
class Trial:
    columns: tuple[Column, ...]
    chart: Chart
    known: float  # share of the week of which samples are kept
    rate: Rate  # what an hour of an instance costs


def trial(place: ServiceEnvironment, changed: Policy, present: Policy | None, now: float | None = None) -> Trial:
    """Reads the week once and plays both. Raises Refused where nothing of it was measured."""
    now = time.time() if now is None else now
    start, end = now - WEEK, now
    wanted = {load.metric for policy in (changed, present) if policy is not None for load in policy.loads} or {"up"}
    bands = {name: history.sums(place, [name], start, end, POINTS)[name] for name in sorted(wanted)}
    told = max(bands.values(), key=len)
    if not told:
        raise Refused(_("Nothing was measured here in the last week, so there is nothing to try it on."))
    start = max(start, told[0][0])  # what was before is not known, and would count for none of them
    level = max(STEP, _usual([at for at, _total, _n in told]))
    curves = {name: Curve([p[0] for p in points], [p[1] for p in points], level) for name, points in bands.items()}
    for policy in (changed, present):
        _reach_back(place, policy, curves, start, level)
    first = told[0][2]
    columns = [Column(_("as it was"), _was(changed, told, curves, (start, end), level), "cache")]
    if present is not None:
        outcome = simulate(present, curves, start, end, first, books=calendars.books([present], start, end))
        columns.append(Column(_("the present policy"), outcome, "i2"))
    outcome = simulate(changed, curves, start, end, first, books=calendars.books([changed], start, end))
    columns.append(Column(_("this policy"), outcome, "i1"))
    known = min(1.0, len(told) * level / WEEK)  # of the whole week
    return Trial(tuple(columns), _chart(columns, Range(start, end), changed), known, hourly.of(place))


def _reach_back(
    place: ServiceEnvironment, policy: Policy | None, curves: dict[str, Curve], start: float, level: float
) -> None:
    """A forecast looks at weeks before the one that is played."""
    if policy is None or policy.forecast is None:
        return
    name, weeks = policy.forecast.metric, policy.forecast.weeks
    earlier = history.sums(place, [name], start - weeks * WEEK, start, POINTS)[name]
    ours = curves[name]
    if not ours.times or (earlier and earlier[0][0] < ours.times[0]):
        before = [
            (at, total) for at, total in _finer(earlier, level) if at < start and (not ours.times or at < ours.times[0])
        ]
        curves[name] = Curve([*(p[0] for p in before), *ours.times], [*(p[1] for p in before), *ours.sums], level)


def _finer(points: list[tuple[float, float, int]], level: float) -> list[tuple[float, float]]:
    """Points of coarse buckets, each as often as it holds for `level` seconds: else a look at a few minutes would fall between two."""
    held = _usual([at for at, _total, _n in points])
    found = []
    for place, (at, total, _n) in enumerate(points):
        until = min(at + held, points[place + 1][0] if place + 1 < len(points) else math.inf)
        found += [(at + n * level, total) for n in range(max(1, math.ceil((until - at) / level)))]
    return found


def _was(
    policy: Policy,
    told: list[tuple[float, float, int]],
    curves: Mapping[str, Curve],
    span: tuple[float, float],
    level: float,
) -> Outcome:
    """The numbers that were measured, counted by the same measure."""
    tally, at, numbers = Tally(policy), span[0], [(span[0], told[0][2])]
    counts = Curve([p[0] for p in told], [float(p[2]) for p in told], level)
    while at < span[1]:
        here = int(counts.at(at) or numbers[-1][1])
        if here != numbers[-1][1]:
            numbers.append((at, here))
        tally.add(here, curves, at)
        at += STEP
    return Outcome(tuple(numbers), tally.hours, tally.above, tally.full, tally.blind)


def _usual(times: list[float]) -> float:
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    return gaps[len(gaps) // 2] if gaps else STEP


def _chart(columns: list[Column], span: Range, policy: Policy) -> Chart:
    grid = charts.grid_of(span.start, span.end, WEEK / 600)
    lines = []
    for n, one in enumerate(columns):
        steps = Curve([at for at, _n in one.outcome.numbers], [float(n) for _at, n in one.outcome.numbers], WEEK)
        values = [steps.at(grid.time(place)) for place in range(grid.count)]
        lines.append(Line(f"way-{n}", one.title, one.colour, values))
    limits = [Limit(_("at most"), float(policy.most))]
    return Chart("trial", _("Instances in the last week"), "count", grid, span, lines, limits)


def rows(found: Trial) -> list[tuple[str, list[Any]]]:
    """The table: what is compared, and its value in each column."""
    outcomes = [one.outcome for one in found.columns]
    return [
        (_("Instance-hours"), [f"{one.hours:,.0f}" for one in outcomes]),
        (_("Cost"), [found.rate.words(one.hours) for one in outcomes]),
        (_("Highest number"), [one.highest for one in outcomes]),
        (_("Minutes above a target"), [f"{one.above:,.0f}" for one in outcomes]),
        # xgettext:no-python-format
        (_("Minutes at 90 % of a limit or more"), [f"{one.full:,.0f}" for one in outcomes]),
        (_("Changes"), [one.changes for one in outcomes]),
        (_("Changes of direction"), [one.turns for one in outcomes]),
    ]
