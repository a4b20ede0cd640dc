"""When releases are frozen: windows into spans of time, and «until when?». Pure; all moments are epoch seconds.

A window may be asked for the spans that touch a range. What it cannot know (a calendar without data) it says by `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

DAY = 86_400.0
LONGEST = 40 * DAY  # a freeze that goes on for longer than this is told as so long
STEP = 8 * DAY


@dataclass(frozen=True, order=True)
class Span:
    start: float
    end: float  # the first moment after it
    why: str = ""


@dataclass(frozen=True)
class Frozen:
    """`until`: when it ends, of all windows that follow upon each other; None: not known."""

    until: float | None
    why: str


class Window(Protocol):
    def spans(self, since: float, until: float) -> list[Span]: ...

    def unknown(self, at: float) -> str: ...


@dataclass(frozen=True)
class Once:
    start: float
    end: float
    why: str

    def spans(self, since: float, until: float) -> list[Span]:
        return [Span(self.start, self.end, self.why)] if self.start < self.end and _touch(self, since, until) else []

    def unknown(self, at: float) -> str:
        return ""


def _touch(span: Once | Span, since: float, until: float) -> bool:
    return span.start < until and span.end > since


@dataclass(frozen=True)
class Weekly:
    """On some days of the week (0 = Monday) from one time of the wall clock to another; one that is not later is tomorrow's."""

    days: frozenset[int]
    start: time
    end: time
    zone: str
    why: str

    def spans(self, since: float, until: float) -> list[Span]:
        zone = ZoneInfo(self.zone)
        day = datetime.fromtimestamp(since, zone).date() - timedelta(days=2)
        last = datetime.fromtimestamp(until, zone).date() + timedelta(days=1)
        found = []
        while day <= last:
            if day.weekday() in self.days:
                next_day = day if self.end > self.start else day + timedelta(days=1)
                span = Span(moment(day, self.start, zone), moment(next_day, self.end, zone, late=True), self.why)
                if span.start < span.end and _touch(span, since, until):
                    found.append(span)
            day += timedelta(days=1)
        return found

    def unknown(self, at: float) -> str:
        return ""


@dataclass(frozen=True)
class Opened:
    """While something is open. `open`: when, widened already; `blind`: why nothing is known, or empty."""

    open: Sequence[Span]
    blind: str = ""

    def spans(self, since: float, until: float) -> list[Span]:
        return [span for span in self.open if _touch(span, since, until)]

    def unknown(self, at: float) -> str:
        return self.blind


def moment(day: date, at: time, zone: ZoneInfo, *, late: bool = False) -> float:
    """The moment at which the wall clock of the zone shows this. Of one that it shows twice the first, or (`late`) the second;
    one that it skips is the moment of the skip.
    """
    wall = datetime.combine(day, at, zone)
    first, second = wall.replace(fold=0).timestamp(), wall.replace(fold=1).timestamp()
    if first <= second:
        return second if late else first
    # A gap: the change lies between the two readings of the same wall clock.
    low, high = second, first
    offset = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 0.5:
        middle = (low + high) / 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return float(round(high))


def frozen(at: float, windows: Iterable[Window]) -> Frozen | None:
    """Whether nothing may begin at this moment: until when and why; None: it may."""
    all_windows = list(windows)
    blind = [words for window in all_windows if (words := window.unknown(at))]
    if blind:
        return Frozen(None, " ".join(dict.fromkeys(blind)))
    end, whys = _chain(at, all_windows)
    return Frozen(end, "; ".join(whys)) if whys else None


def _chain(at: float, windows: Sequence[Window]) -> tuple[float, list[str]]:
    """The end of the spans that cover `at` and follow upon each other, and why of those that cover `at` itself."""
    now = [span for window in windows for span in window.spans(at, at + 1) if span.start <= at < span.end]
    end, whys = at, list(dict.fromkeys(span.why for span in now))
    limit = at + LONGEST
    while now and end < limit:
        end = max(span.end for span in now)
        now = [s for window in windows for s in window.spans(end, end + 1) if s.start <= end < s.end]
    return end, whys


def next_start(at: float, windows: Iterable[Window], horizon: float = 14 * DAY) -> Span | None:
    """The next window that begins after this moment, within the horizon."""
    found = [s for window in windows for s in window.spans(at, at + horizon) if s.start > at]
    return min(found, default=None)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Without overlaps; what touches becomes one."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            last = found[-1]
            why = last.why if span.why in last.why else f"{last.why}; {span.why}"
            found[-1] = Span(last.start, max(last.end, span.end), why)
        else:
            found.append(span)
    return found
