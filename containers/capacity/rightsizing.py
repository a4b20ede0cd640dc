"""Which limits fit what the instances of a place used, and at what risk. Pure.

Limits are of one instance; what counts is the instance that used most. CPU may be a little short, since whoever has too little waits:
its 99th percentile decides. Who has too little memory is killed: it is never proposed below the highest that was seen in use, unless
that is asked for. What the limit itself cut off (throttling, kills for lack of memory) is no use that could be trusted: then
the limit goes up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

MIB, GIB = 1 << 20, 1 << 30
RANGES = (7, 14, 30, 90)  # days that are looked at
HEADROOMS = (10, 25, 50, 100)  # percent above the p99
LEAST_DAYS = 5  # measured ones; with fewer nothing is proposed
PEAK_ROOM = 0.1  # beyond the highest memory seen
CUT_OFF = 1.5  # times the limit that was reached
THROTTLED = 0.02  # share of the time
IDLE = 0.01  # cores that the busiest instance does not reach
WORTH, URGENT = 0.1, 0.05  # shares of a limit from which it is lowered, and raised
LEAST_CPUS, LEAST_MEMORY = 0.1, 64 * MIB
MOST_CPUS, MOST_MEMORY = 512.0, 64 << 40


class Mark(StrEnum):
    """What there is to say of a place, the most pressing first."""

    OOM = "oom"
    THROTTLED = "throttled"
    TIGHT = "tight"
    IDLE = "idle"
    WIDE = "oversized"
    FITS = "fits"
    SHORT = "short"  # too few days were measured


@dataclass(frozen=True)
class Limits:
    """Of one instance: cores and bytes."""

    cpus: float
    memory: int


@dataclass(frozen=True)
class Wish:
    days: int = 30
    headroom: float = 0.25  # above the p99
    below_peak: bool = False  # memory may go below the highest use: somebody asked for it


@dataclass(frozen=True)
class Past:
    """What was used within the wished days: the highest figures of any instance, of the days that were measured.

    `throttled` (share of the time) and `ooms` count days whose limits were at least those of now: what smaller ones cut off tells
    nothing of these.
    """

    days: int = 0
    cpu: float | None = None  # p99, cores
    memory: int | None = None  # p99, bytes
    peak: int | None = None  # bytes
    throttled: float = 0.0
    ooms: int = 0


@dataclass(frozen=True)
class Advice:
    """`proposed` is what there is where nothing is worth a change, or nothing can be said."""

    now: Limits
    proposed: Limits
    marks: tuple[Mark, ...]

    @property
    def mark(self) -> Mark:
        return self.marks[0]

    @property
    def changes(self) -> bool:
        return self.now != self.proposed

    def saved(self, instances: int) -> Limits:
        """Over all instances; negative where more is needed."""
        return Limits(
            (self.now.cpus - self.proposed.cpus) * instances, (self.now.memory - self.proposed.memory) * instances
        )


def judge(now: Limits, past: Past, wish: Wish) -> Advice:
    """What the past says of these limits."""
    if past.days < LEAST_DAYS or past.cpu is None or past.memory is None:
        # Kills need no series of days to be believed.
        return Advice(now, now, (Mark.OOM, Mark.SHORT) if past.ooms else (Mark.SHORT,))
    throttled, peak = past.throttled >= THROTTLED, max(past.peak or 0, past.memory)
    cpus = _cpus(now.cpus, past.cpu, throttled, wish)
    memory = _memory(now.memory, past.memory, peak, bool(past.ooms), wish)
    found = {
        Mark.OOM: bool(past.ooms),
        Mark.THROTTLED: throttled,
        Mark.TIGHT: (not throttled and cpus > now.cpus) or (not past.ooms and memory > now.memory),
        Mark.IDLE: past.cpu < IDLE,
        Mark.WIDE: cpus < now.cpus or memory < now.memory,
    }
    marks = tuple(mark for mark, holds in found.items() if holds)
    return Advice(now, Limits(cpus, memory), marks or (Mark.FITS,))


def _cpus(now: float, p99: float, throttled: bool, wish: Wish) -> float:
    need = p99 * (1 + wish.headroom)
    if throttled:
        need = max(need, now * CUT_OFF)
    wanted = min(max(_up(need, _cpu_step(need)), min(LEAST_CPUS, now)), MOST_CPUS)
    return now if _same(now, wanted) and now >= p99 and not throttled else wanted


def _memory(now: int, p99: int, peak: int, killed: bool, wish: Wish) -> int:
    need = p99 * (1 + wish.headroom)
    least = p99 if wish.below_peak else peak
    if not wish.below_peak:
        need = max(need, peak * (1 + PEAK_ROOM))
    if killed:
        need = max(need, now * CUT_OFF, peak * (1 + PEAK_ROOM))
    wanted = min(max(round(_up(need, _memory_step(need))), min(LEAST_MEMORY, now)), MOST_MEMORY)
    return now if _same(now, wanted) and now >= least and not killed else wanted


def _same(now: float, wanted: float) -> bool:
    """Whether the difference is not worth a change."""
    return -WORTH * now < wanted - now < URGENT * now


def _up(value: float, step: float) -> float:
    return round(math.ceil(value / step - 1e-9) * step, 2)


def _cpu_step(value: float) -> float:
    return 0.05 if value < 1 else 0.1 if value < 4 else 0.5


def _memory_step(value: float) -> int:
    return 16 * MIB if value < 256 * MIB else 64 * MIB if value < 4 * GIB else 256 * MIB


# --- Risk -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UsedDay:
    """The highest figures of one instance on a day; None: not measured."""

    cpu: float | None  # p99
    memory: int | None  # p99
    peak: int | None


@dataclass(frozen=True)
class Risk:
    """On how many of the measured days limits would have been too low."""

    days: int
    cpu: int  # the p99 of CPU was above: somebody had to wait for more than a hundredth of the day
    memory: int  # the p99 of memory was above
    killed: int  # the highest memory was above: the kernel would have killed

    @property
    def level(self) -> str:
        """«none», «some», or «high» where something would have been killed."""
        if self.killed or self.memory:
            return "high"
        return "some" if self.cpu else "none"


def risk(limits: Limits, past: Iterable[UsedDay]) -> Risk:
    """What limits would have done on days that were."""
    days: Sequence[UsedDay] = [day for day in past if day.cpu is not None or day.memory is not None]
    return Risk(
        days=len(days),
        cpu=sum(day.cpu is not None and day.cpu > limits.cpus for day in days),
        memory=sum(day.memory is not None and day.memory > limits.memory for day in days),
        killed=sum(max(day.peak or 0, day.memory or 0) > limits.memory for day in days),
    )
