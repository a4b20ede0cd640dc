"""Facets and the histogram: pure. What is counted is a bounded number of the newest events that fit."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

TOP = 6
BARS = 60
# Widths of a bar, in seconds: a bar begins at a round time.
STEPS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400, 30 * 86400, 91 * 86400, 365 * 86400)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    since: datetime
    until: datetime
    count: int
    height: int = 0  # of the highest, in percent; 0 only where there is nothing


def step(length: float, most: int = BARS) -> int:
    """The narrowest width in seconds with which a range has at most that many bars."""
    return next((width for width in STEPS if length / width < most), STEPS[-1] * (int(length / STEPS[-1] / most) + 1))


def edges(first: datetime, last: datetime, offset: timedelta = timedelta()) -> list[datetime]:
    """Round times, in a zone that is `offset` from UTC, from before `first` to after `last`."""
    width = step((last - first).total_seconds())
    begin = int((first + offset).timestamp()) // width * width - int(offset.total_seconds())
    found = [datetime.fromtimestamp(begin, first.tzinfo)]
    while found[-1] <= last:
        found.append(found[-1] + timedelta(seconds=width))
    return found


def bars(marks: Sequence[datetime], counts: Iterable[int]) -> list[Bar]:
    held = list(counts)
    most = max(held, default=0)
    return [
        Bar(marks[n], marks[n + 1], count, max(3, round(100 * count / most)) if count else 0)
        for n, count in enumerate(held)
    ]


def counted(marks: Sequence[datetime], times: Iterable[datetime]) -> list[int]:
    """How many of the times are between each two marks."""
    held = Counter(bisect_right(marks, moment) - 1 for moment in times)
    return [held[n] for n in range(len(marks) - 1)]


def top(values: Iterable[str], most: int = TOP) -> list[tuple[str, int]]:
    """The most frequent values that are not empty; of equal ones the first of the alphabet."""
    held = Counter(value for value in values if value)
    return sorted(held.items(), key=lambda one: (-one[1], one[0]))[:most]
