"""How long a place was available on a day, and what is left of its error budget. Pure; times are seconds.

*Available* is a minute in which at least the promised number of instances was healthy (one, where nobody promised more; never more
than stand there). An instance is healthy when its health check says so most of the minute; without a check, when it runs. One with a
check that has not answered yet is not. An instance of which there is no sample is *unknown* where nothing was measured on its
host either, else it is down. The minute is unknown only where what is unknown decides it. What is shorter than a minute is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

WELL = 0.5  # the mean of healthy (1) and not (0) from which a minute is healthy
COVERED = 0.9  # the share of its samples with which a piece of time counts as measured throughout
WINDOW = 30  # days of an error budget


class Piece(NamedTuple):
    """What was measured of an instance in a piece of time: its share of samples, and mean and least of its health (None: no answer)."""

    up: float
    health: float | None = None
    health_min: float | None = None


Pieces = Mapping[float, Piece]  # by the piece's beginning


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds in which it was available, was not, and in which nobody knows."""

    good: float = 0.0
    bad: float = 0.0
    unknown: float = 0.0

    def __add__(self, other: Span) -> Span:
        return Span(self.good + other.good, self.bad + other.bad, self.unknown + other.unknown)

    @property
    def known(self) -> float:
        return self.good + self.bad

    @property
    def share(self) -> float | None:
        """Of the time that is known; None of none."""
        return self.good / self.known if self.known > 0 else None


def clean(pieces: Iterable[Pieces], at: float, least: int) -> bool:
    """Whether enough instances were healthy throughout the piece, so that its minutes need no look."""
    count = 0
    for of in pieces:
        piece = of.get(at)
        if piece is None or piece.up < COVERED:
            continue
        checked = any(one.health is not None for one in of.values())
        count += piece.health_min is not None and piece.health_min >= 1 if checked else True
        if count >= least:
            return True
    return False


def mark(piece: Piece | None, checked: bool, measured: bool) -> bool | None:
    """An instance in a minute: healthy, not, or unknown. `checked`: it has a health check; `measured`: its host was."""
    if piece is not None and piece.health is not None:
        return piece.health >= WELL
    if piece is not None and piece.up > 0:
        return not checked
    return False if measured else None


def judge(marks: Iterable[bool | None], least: int) -> bool | None:
    """A minute of the place."""
    well = unknown = 0
    for one in marks:
        well += one is True
        unknown += one is None
    if well >= least:
        return True
    return None if well + unknown >= least else False


def add_up(verdicts: Iterable[bool | None], step: float) -> Span:
    counts = {True: 0, False: 0, None: 0}
    for one in verdicts:
        counts[one] += 1
    return Span(counts[True] * step, counts[False] * step, counts[None] * step)


@dataclass(frozen=True, slots=True)
class Budget:
    """`left`: the share of the budget that is left, below 0 when more was used; `burn`: how many times as fast as the target
    allows it was used in the last day with data; `seconds`: that are left of it in the window."""

    left: float
    seconds: float
    burn: float | None


def budget(window: Span, last: Span, target: float) -> Budget | None:
    """`window`: what its days add up to; `last`: the newest of them with data; `target` in per cent, below 100. None of no data.

    The budget is of the whole window, as if it were over: a service that is young has all of it.
    """
    if not last.known:
        return None
    allowed = 1 - target / 100
    whole = allowed * WINDOW * 86400
    return Budget(left=1 - window.bad / whole, seconds=whole - window.bad, burn=last.bad / last.known / allowed)
