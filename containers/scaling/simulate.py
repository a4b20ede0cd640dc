"""What a policy would have made of a load that was: the same `decide`, step by step through the past. Pure.

A load that the instances of then could not carry was not measured, so where they were full it was more than the series tell.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from containers.guardrails.sessions import Book
from containers.guardrails.times import DAY
from containers.scaling.decide import decide
from containers.scaling.shape import Attempt, Forecast, Memory, Policy, Reason, View

STEP = 60.0
TAKES = 30.0  # seconds that a change is under way
FULL = 90.0  # percent of a limit
WEEK = 7 * DAY
UNDER_WAY = Reason("release")


@dataclass(frozen=True)
class Curve:
    """What all instances together did: moments and sums, each holding for `level` seconds."""

    times: Sequence[float]
    sums: Sequence[float]
    level: float

    def at(self, moment: float) -> float | None:
        place = bisect_right(self.times, moment) - 1
        if place < 0 or moment - self.times[place] > 1.5 * self.level:
            return None
        return self.sums[place]

    def highest(self, since: float, until: float) -> float | None:
        """Of what held at some time of the range: also of what began before it."""
        first = bisect_left(self.times, since)
        if first and since - self.times[first - 1] < self.level:
            first -= 1
        return max(self.sums[first : bisect_right(self.times, until)], default=None)


@dataclass(frozen=True)
class Outcome:
    """`numbers`: since when how many instances. `above`: minutes in which a load was beyond its target and the tolerance; `full`:
    minutes at 90 % of a limit or more; `blind`: minutes of which nothing is known, and which count as neither.
    """

    numbers: tuple[tuple[float, int], ...]
    hours: float
    above: float
    full: float
    blind: float

    @property
    def changes(self) -> int:
        return len(self.numbers) - 1

    @property
    def turns(self) -> int:
        """How often it went on in the other direction than before."""
        ways = [b > a for (_s, a), (_t, b) in itertools.pairwise(self.numbers)]
        return sum(a != b for a, b in itertools.pairwise(ways))

    @property
    def highest(self) -> int:
        return max(number for _at, number in self.numbers)


def simulate(
    policy: Policy,
    curves: Mapping[str, Curve],
    start: float,
    end: float,
    here: int,
    *,
    books: Mapping[str, Book | None],
) -> Outcome:
    """Plays a policy from `start` to `end`, beginning with `here` instances. For a forecast the curves reach further back."""
    memory, settled, to = Memory(start, start), start - DAY, here
    attempts: tuple[Attempt, ...] = ()
    numbers = [(start, here)]
    tally = Tally(policy)
    at = start
    while at < end:
        if to != here and at >= settled:
            here = to
            numbers.append((at, here))
        tally.add(here, curves, at)
        view = View(
            now=at,
            instances=tuple(range(here)),
            settled=settled,
            busy=UNDER_WAY if at < settled else None,
            samples={load.metric: _samples(curves.get(load.metric), policy, here, at) for load in policy.loads},
            past=_past(policy.forecast, curves, at),
            books=books,
            attempts=attempts,
            sample=0.0,
        )
        decision, memory = decide(policy, view, memory)
        if decision.to is not None:
            to, settled = decision.to, at + TAKES
        at += STEP
    return Outcome(tuple(numbers), tally.hours, tally.above, tally.full, tally.blind)


class Tally:
    """Counts while a number of instances carries a load; also of what really was."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.hours = self.above = self.full = self.blind = 0.0

    def add(self, here: int, curves: Mapping[str, Curve], at: float) -> None:
        self.hours += here * STEP / 3600
        means = [
            (load, total / here)
            for load in self.policy.loads
            if load.metric in curves and (total := curves[load.metric].at(at)) is not None and here
        ]
        beyond = 1 + self.policy.tolerance / 100
        self.above += any(mean > load.target * beyond for load, mean in means) * STEP / 60
        self.full += any(load.metric.endswith(".percent") and mean >= FULL for load, mean in means) * STEP / 60
        self.blind += (not means) * STEP / 60


def _samples(curve: Curve | None, policy: Policy, here: int, now: float) -> Mapping[int, Sequence[tuple[float, float]]]:
    """Each instance's even share. The sums within the window were carried by these very instances, or do not count."""
    if curve is None or not here:
        return {}
    moments = [now - back * STEP for back in range(int(policy.over // STEP), -1, -1)]
    values = [(moment, total / here) for moment in moments if (total := curve.at(moment)) is not None]
    return dict.fromkeys(range(here), values) if values else {}


def _past(forecast: Forecast | None, curves: Mapping[str, Curve], now: float) -> Mapping[str, Sequence[float | None]]:
    if forecast is None or forecast.metric not in curves:
        return {}
    curve, ahead = curves[forecast.metric], max(60.0, forecast.minutes * 60)
    weeks = [now - week * WEEK for week in range(1, forecast.weeks + 1)]
    return {forecast.metric: [curve.highest(at - 60, at + ahead) for at in weeks]}
