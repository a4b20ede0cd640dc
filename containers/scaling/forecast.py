"""By forecast: what the same hour of the same weekday took in the last weeks. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from containers.scaling.load import MOST
from containers.scaling.shape import Forecast, Reason, Wish

FEWEST = 3  # weeks: of fewer nothing is said


def wish(forecast: Forecast, target: float, past: Sequence[float | None]) -> Wish:
    """How many instances the median of the weeks takes, with the margin. `past`: the highest sums, one a week."""
    known = [value for value in past if value is not None and math.isfinite(value) and value >= 0]
    facts: dict[str, float] = {"weeks": len(known), "of": forecast.weeks, "minutes": forecast.minutes}
    if len(known) < min(FEWEST, forecast.weeks):
        return Wish("forecast", forecast.metric, None, Reason("too-few-weeks", facts))
    number = min(MOST, math.ceil(median(known) * (1 + forecast.margin / 100) / target - 1e-9))
    facts |= {"median": median(known), "margin": forecast.margin}
    return Wish("forecast", forecast.metric, number, Reason("forecast", facts), need=number)
