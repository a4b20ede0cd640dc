"""What charts read from the store: one look for a whole page, sorted by subject and metric."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from xqplatform import metrics
from xqplatform.metrics.charts import STALE_AFTER, Grid, column, grid_of
from xqplatform.metrics.ranges import HOUR, Range
from xqplatform.metrics.svg import Spark

POINTS = 400  # as many as a chart is wide, about
TICK = 10.0
SPARK_POINTS = 60
SPARK_SECONDS = HOUR


@dataclass
class Board:
    """The points of some subjects in a range, on one grid, and what each had last."""

    span: Range
    grid: Grid
    points: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    latest: Mapping[str, tuple[float, dict[str, float]]] = field(default_factory=dict)

    def of(self, subject: str) -> dict[str, list[Any]]:
        return self.points.get(subject, {})

    def now(self, subject: str) -> dict[str, float]:
        """The newest values, for ranges that end now; nothing when they are old."""
        at, values = self.latest.get(subject, (0.0, {}))
        return values if self.span.live and self.span.end - at <= STALE_AFTER else {}


Latest = Mapping[str, tuple[float, dict[str, float]]]


def newest(subjects: Sequence[str]) -> Latest:
    """What each had last, within an hour."""
    return metrics.latest(list(subjects), within=HOUR) if subjects else {}


def last_of(latest: Latest) -> float | None:
    """When the last sample of any of them was taken."""
    return max((at for at, _values in latest.values()), default=None)


def of_look(look: metrics.Look, names: Sequence[str], span: Range, points: int, latest: Latest) -> Board:
    """All that a look has of the named metrics."""
    found = look.series(names)
    step = max((one.level for one in found if one.points), default=max(TICK, span.seconds / points))
    grid = grid_of(span.start, span.end, step)
    by: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    for one in found:
        by[one.subject][one.metric] = one.points
    return Board(span, grid, dict(by), latest)


def stale_words(newest: float | None, span: Range) -> str:
    """What a page says where the newest sample is old; empty when all is well or the range is over."""
    if not span.live:
        return ""
    if newest is None:
        return _("There was no sample in the last hour.")
    if span.end - newest <= STALE_AFTER:
        return ""
    return _("No samples have arrived lately: what is shown ends where they end.")


def sparks(
    subjects: Sequence[str],
    wanted: Sequence[tuple[str, str, str]],
    *,
    limits: Mapping[str, float] | None = None,
    now: float | None = None,
) -> dict[str, dict[str, Spark]]:
    """The last hour of each subject for a table: `wanted` are (metric, label, colour); by subject, then colour."""
    end = time.time() if now is None else now
    if not subjects:
        return {}
    found = metrics.series(list(subjects), [w[0] for w in wanted], end - SPARK_SECONDS, end, points=SPARK_POINTS)
    last = metrics.latest(list(subjects), within=STALE_AFTER)
    named = {w[0]: w for w in wanted}
    sheets: dict[str, dict[str, Spark]] = defaultdict(dict)
    for one in found:
        if not one.points:
            continue
        grid = grid_of(end - SPARK_SECONDS, end, max(one.level, SPARK_SECONDS / SPARK_POINTS))
        _metric, label, colour = named[one.metric]
        values = column(one.points, grid)
        newest = last.get(one.subject, (0.0, {}))[1].get(one.metric)
        limit = (limits or {}).get(one.metric)
        sheets[one.subject][colour] = Spark(label, one.unit, values, newest, colour, limit)
    return sheets
