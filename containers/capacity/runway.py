"""When a resource runs out: a robust trend through its days, with a range, or why that cannot be told. Pure.

The trend is the median of the slopes between two days each (Theil–Sen); of four weeks or more only days of the same weekday are compared, so that
weeks do not look like growth (Hirsch's seasonal slope). Its bounds are those of the slopes that Kendall's test leaves with 90 %. The level
is the median of the last two weeks, so neither a day that stands out nor a step long ago moves it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import combinations
from statistics import median

LEAST = 14  # days with a number
WEEK, SEASONAL = 7, 28
LEVEL = 14  # days that say what the level is
LOOK_BACK = 90  # days that a trend is made of
HORIZON = 3 * 365  # days; nobody buys machines for what comes later
Z = 1.645  # 90 % of a normal distribution lie within so many deviations


class State(Enum):
    FULL = "full"  # it is
    ENDS = "ends"  # in `days`
    FAR = "far"  # it grows, but lasts longer than HORIZON
    STEADY = "steady"  # it does not grow
    NOISY = "noisy"  # whether it grows cannot be told
    FEW = "few"  # too few days
    NOTHING = "nothing"  # there is no capacity that could run out


@dataclass(frozen=True)
class Runway:
    """`days` from the last of the points on, also where nothing was measured on it; `latest` None: it may never come. `slope`: units a
    day, within `low` and `high`.
    """

    state: State
    days: float | None = None
    soonest: float | None = None
    latest: float | None = None
    level: float | None = None
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    measured: int = 0


@dataclass(frozen=True)
class Trend:
    level: float
    slope: float
    low: float
    high: float


def trend(points: Sequence[tuple[int, float]], end: int | None = None) -> Trend | None:
    """Through (day, value), with rising days; its level is that of the day `end`, else of the last of them. None for fewer than LEAST."""
    if len(points) < LEAST:
        return None
    step = WEEK if points[-1][0] - points[0][0] >= SEASONAL else 1
    weekdays: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for day, value in points:
        weekdays[day % step].append((day, value))
    alike = weekdays.values()
    slopes = sorted((y2 - y1) / (x2 - x1) for days in alike for (x1, y1), (x2, y2) in combinations(days, 2))
    if not slopes:
        return None
    # Kendall's variance, summed over the weekdays.
    spread = Z * math.sqrt(sum(n * (n - 1) * (2 * n + 5) / 18 for n in map(len, alike)))
    last = len(slopes) - 1
    low = slopes[max(0, math.floor((last - spread) / 2))]
    high = slopes[min(last, math.ceil((last + spread) / 2))]
    slope = median(slopes)
    at = points[-1][0] if end is None else end
    level = median(y + slope * (at - x) for x, y in points[-LEVEL:])
    return Trend(level, slope, low, high)


@lru_cache(maxsize=1024)  # a day's figures are asked for all day long
def runway(points: tuple[tuple[int, float | None], ...], capacity: float | None) -> Runway:
    """`points`: (number of the day, value or None), rising; only the last LOOK_BACK days count. `capacity`: what there is now."""
    end = points[-1][0] if points else 0
    known = [(x, y) for x, y in points if y is not None and math.isfinite(y) and x > end - LOOK_BACK]
    if not capacity or capacity <= 0:
        return Runway(State.NOTHING, measured=len(known))
    found = trend(known, end)
    if found is None:
        return Runway(State.FEW, measured=len(known))
    room = capacity - found.level
    soonest = _until(room, found.high)

    def told(state: State, days: float | None = None, latest: float | None = None) -> Runway:
        first = None if state in {State.FULL, State.STEADY} else soonest
        return Runway(state, days, first, latest, found.level, found.slope, found.low, found.high, len(known))

    if room <= 0:
        return told(State.FULL, 0.0)
    if soonest is None:
        return told(State.STEADY)
    if soonest > HORIZON:
        return told(State.FAR if found.low > 0 else State.STEADY)
    if found.low <= 0:
        return told(State.NOISY)
    days = _until(room, found.slope)
    if days is None or days > HORIZON:
        return told(State.FAR)
    return told(State.ENDS, days, _until(room, found.low))


def _until(room: float, slope: float) -> float | None:
    """Days until so much room is used up; None where it never is."""
    if slope <= 0:
        return None
    days = room / slope
    return days if math.isfinite(days) else None
