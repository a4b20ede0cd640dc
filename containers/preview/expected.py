"""How long a release takes, from how long those before it took. Pure.

A release is drawn from the past again and again: each time one of the past releases is taken, and lead, batches, gaps and
end are drawn from what was measured in that one, so that a slow day is slow as a whole. A batch of n instances takes as
long as the slowest of n draws.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

ENOUGH = 3  # past releases; of fewer nothing is said
DRAWS, MOST_BATCH_DRAWS = 400, 40_000


@dataclass(frozen=True)
class Run:
    """A past release, in seconds. `gaps`: between two batches, without the pause that its policy asked for."""

    lead: float = 0.0  # until its first instance began: pulls, hooks
    steps: Mapping[str, Sequence[float]] = field(default_factory=dict)  # by action
    gaps: Sequence[float] = ()
    tail: float = 0.0  # after its last instance


@dataclass(frozen=True)
class Expected:
    """Seconds; `runs`: of how many past releases."""

    p50: float
    p90: float
    runs: int


def expected(runs: Sequence[Run], batches: Sequence[Mapping[str, int]], fixed: float = 0.0) -> Expected | None:
    """What batches (action → how many) would take, with `fixed` seconds of pauses and holds; None: too little is known."""
    known = [_ordered(run) for run in runs if any(run.steps.values())]
    batches = [batch for batch in batches if sum(batch.values())]
    if len(known) < ENOUGH or not batches:
        return None
    dice = random.Random(0)
    many = max(50, min(DRAWS, MOST_BATCH_DRAWS // len(batches)))
    everyones = sorted(gap for run in known for gap in run.gaps)
    totals = sorted(fixed + _draw(known[n % len(known)], batches, everyones, dice) for n in range(many))
    return Expected(quantile(totals, 0.5), quantile(totals, 0.9), len(known))


def _draw(run: Run, batches: Sequence[Mapping[str, int]], everyones: Sequence[float], dice: random.Random) -> float:
    gaps = run.gaps or everyones or (0.0,)
    total = run.lead + run.tail + sum(quantile(gaps, dice.random()) for _gap in batches[1:])
    return total + sum(
        max(_slowest(_of(run, action), count, dice) for action, count in batch.items() if count) for batch in batches
    )


def _slowest(seconds: Sequence[float], count: int, dice: random.Random) -> float:
    """The longest of `count` draws, in one: the n-th root of an even draw is spread as the highest of n."""
    return quantile(seconds, dice.random() ** (1 / count))


ANY = ""  # of whatever kind


def _ordered(run: Run) -> Run:
    """With everything in order, so that nothing is sorted again for each draw."""
    steps = {action: sorted(many) for action, many in run.steps.items()}
    every = sorted(one for many in steps.values() for one in many)
    return replace(run, steps=steps | {ANY: every}, gaps=sorted(run.gaps))


def _of(run: Run, action: str) -> Sequence[float]:
    """What its steps of this kind took; where it had none, what any of its steps took."""
    return run.steps.get(action) or run.steps[ANY]


def quantile(ordered: Sequence[float], part: float) -> float:
    """The value below which `part` (0 to 1) of an ordered, not empty sequence lies: the nearest rank, so one of them."""
    return ordered[min(len(ordered) - 1, max(0, math.ceil(part * len(ordered)) - 1))]
