"""Levels of fineness, and which one answers a question. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

FINE, MINUTE, TEN_MINUTES, HOUR_LEVEL = 10, 60, 600, 3600
HOUR, DAY = 3600, 86400
# How long a block is, by its level.
SPANS = {FINE: HOUR, MINUTE: HOUR, TEN_MINUTES: DAY, HOUR_LEVEL: DAY}
# Seconds a point: each is a multiple of the level that answers it.
STEPS = (10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)


@dataclass(frozen=True, slots=True)
class View:
    """`step`: seconds a point, of rows of `level`; `lo` and `hi`: the whole buckets that hold the range."""

    step: int
    level: int
    lo: int
    hi: int

    @property
    def single(self) -> bool:
        """Whether each sample is a point of its own."""
        return self.step == FINE


def view(start: float, end: float, points: int, now: float, keep: Mapping[int, float]) -> View:
    """The finest step of at most `points` points whose level still reaches back to the start."""
    width = max(end - start, 1.0)
    step = next((s for s in STEPS if width / s <= max(points, 1)), STEPS[-1])
    level = max(lv for lv in SPANS if step % lv == 0)
    while level != HOUR_LEVEL and now - start > keep[level]:
        level = min(lv for lv in SPANS if lv > level)
    step = next(s for s in STEPS if s >= step and s % level == 0)
    return View(step, level, math.floor(start / step) * step, math.ceil(end / step) * step)
