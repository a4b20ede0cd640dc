"""What an observation makes of an alert: pure, so that evaluation, the look back and the tests share it.

Time is seconds of the platform's clock. An alert without a standing is fine. Thresholds have two sides: it is bad beyond
`threshold`, good at `clear` or better, and what lies between changes nothing. Between observations that lie further apart than
`gap` nobody knows what was: neither the time of being bad nor that of being good counts on across it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

PENDING, FIRING = "pending", "firing"
GAP = 150.0  # where the engine is asked instead of a collector, samples come once a minute


@dataclass(frozen=True, slots=True)
class Limits:
    """How a rule judges."""

    threshold: float
    clear: float
    above: bool = True  # bad above the threshold; else below it
    hold: float = 0.0  # seconds it must be bad
    clear_hold: float = 0.0  # seconds it must be good
    gap: float = GAP
    silence_resolves: bool = False  # the rule says: no data, no alert

    def bad(self, value: float) -> bool:
        return value > self.threshold if self.above else value < self.threshold

    def good(self, value: float) -> bool:
        return not self.bad(value) and (value <= self.clear if self.above else value >= self.clear)

    def worse(self, a: float, b: float) -> float:
        return max(a, b) if self.above else min(a, b)


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation. `since`: where the source knows since when it is bad, by its own record."""

    time: float
    value: float
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    state: str
    started: float  # bad since
    since: float  # in this state since
    seen: float  # time of the last observation
    value: float
    peak: float
    good_since: float | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which an alert fired; `end` is None while it does."""

    start: float
    end: float | None
    peak: float


def step(limits: Limits, before: Standing | None, seen: Seen | None, now: float) -> Standing | None:
    """What stands after an observation (None: there is none). None means that all is fine."""
    if before is not None and now < before.seen - limits.gap:
        before = _shifted(before, now - before.seen)  # the clock was set back
    if seen is None or not math.isfinite(seen.value) or (before is not None and seen.time <= before.seen):
        return _silent(limits, before, now)
    if limits.bad(seen.value):
        return _bad(limits, before, seen)
    if before is None or before.state == PENDING:
        return None
    return _better(limits, before, seen)


def _silent(limits: Limits, before: Standing | None, now: float) -> Standing | None:
    if before is not None and limits.silence_resolves and now - before.seen > max(limits.gap, limits.clear_hold):
        return None
    return before


def _bad(limits: Limits, before: Standing | None, seen: Seen) -> Standing:
    if before is not None and before.state == FIRING:
        return replace(
            before, seen=seen.time, value=seen.value, peak=limits.worse(before.peak, seen.value), good_since=None
        )
    counted = before is not None and seen.time - before.seen <= limits.gap
    started = seen.since if seen.since is not None else before.started if before and counted else seen.time
    started = min(started, seen.time)
    peak = limits.worse(before.peak, seen.value) if before is not None else seen.value
    fires = seen.time - started >= limits.hold
    return Standing(
        state=FIRING if fires else PENDING,
        started=started,
        since=seen.time if fires else started,
        seen=seen.time,
        value=seen.value,
        peak=peak,
    )


def _better(limits: Limits, before: Standing, seen: Seen) -> Standing | None:
    """A firing alert whose value is not bad any more: good for long enough, or not yet."""
    if not limits.good(seen.value):
        return replace(before, seen=seen.time, value=seen.value, good_since=None)
    counted = before.good_since is not None and seen.time - before.seen <= limits.gap
    good_since = before.good_since if counted and before.good_since is not None else seen.time
    if seen.time - good_since >= limits.clear_hold:
        return None
    return replace(before, seen=seen.time, value=seen.value, good_since=good_since)


def _shifted(before: Standing, by: float) -> Standing:
    good = None if before.good_since is None else before.good_since + by
    return replace(before, started=before.started + by, since=before.since + by, seen=before.seen + by, good_since=good)


def spans(limits: Limits, observations: Iterable[Seen]) -> Iterator[Span]:
    """When an alert would have fired over a row of observations."""
    standing: Standing | None = None
    for seen in observations:
        after = step(limits, standing, seen, seen.time)
        if standing is not None and standing.state == FIRING and after is None:
            yield Span(standing.since, seen.time, standing.peak)
        standing = after
    if standing is not None and standing.state == FIRING:
        yield Span(standing.since, None, standing.peak)
