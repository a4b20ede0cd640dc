"""A calendar's sessions, its exceptions and what was imported, as times in which it is open. Pure; epoch seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from containers.guardrails.times import Span, merged, moment

PATTERN = 60  # sessions that are looked at to say what an ordinary one is


@dataclass(frozen=True)
class Session:
    """One day on which it is open, with a break or without."""

    day: date
    open: float
    close: float
    pause: tuple[float, float] | None = None


@dataclass(frozen=True)
class Pattern:
    """What an ordinary week looks like: days (0 = Monday), and [from, to] of the wall clock."""

    days: frozenset[int] = frozenset()
    hours: tuple[tuple[time, time], ...] = ()


@dataclass(frozen=True)
class Exceptional:
    """A day that differs: closed, or open at other hours."""

    day: date
    hours: tuple[time, time] | None = None


@dataclass(frozen=True)
class Book:
    """All that is known of a calendar. Days outside `known` are assumed to be ordinary ones; without `known` nothing is."""

    zone: str
    sessions: tuple[Session, ...] = ()
    known: tuple[date, date] | None = None
    exceptions: tuple[Exceptional, ...] = ()
    closed: tuple[tuple[float, float], ...] = ()  # imported
    open: tuple[tuple[float, float], ...] = ()
    pattern: Pattern = field(default_factory=Pattern)

    def day(self, day: date) -> list[tuple[float, float]]:
        """When it is open on this day, before what was imported counts; a break divides it."""
        zone = ZoneInfo(self.zone)
        for one in self.exceptions:
            if one.day == day:
                if one.hours is None:
                    return []
                return [(moment(day, one.hours[0], zone), moment(day, one.hours[1], zone, late=True))]
        if self.known is not None and self.known[0] <= day <= self.known[1]:
            return [(a, b) for s in self._by_day.get(day, ()) for a, b in parts(s)]
        if day.weekday() not in self.pattern.days:
            return []
        return [(moment(day, a, zone), moment(day, b, zone, late=True)) for a, b in self.pattern.hours]

    @cached_property
    def _by_day(self) -> Mapping[date, list[Session]]:
        found: dict[date, list[Session]] = {}
        for one in self.sessions:
            found.setdefault(one.day, []).append(one)
        return found

    def assumed(self, day: date) -> bool:
        """Whether the day lies outside what is known, and nobody said anything of it."""
        inside = self.known is not None and self.known[0] <= day <= self.known[1]
        return not inside and all(one.day != day for one in self.exceptions)


def parts(session: Session) -> list[tuple[float, float]]:
    if session.pause is None:
        return [(session.open, session.close)]
    return [(session.open, session.pause[0]), (session.pause[1], session.close)]


def opened(book: Book, since: float, until: float, *, breaks: bool = True) -> list[Span]:
    """When it is open within a range. `breaks` False: a day is one span from its first opening to its last closing."""
    zone = ZoneInfo(book.zone)
    day = datetime.fromtimestamp(since, zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until, zone).date() + timedelta(days=1)
    found: list[Span] = []
    while day <= last:
        spans = book.day(day)
        if spans and not breaks:
            spans = [(min(a for a, _b in spans), max(b for _a, b in spans))]
        found += [Span(a, b) for a, b in spans if a < b]
        day += timedelta(days=1)
    found = without(merged(found), book.closed)
    found = merged([*found, *(Span(a, b) for a, b in book.open if a < b)])
    return [span for span in found if span.start < until and span.end > since]


def without(spans: Iterable[Span], holes: Sequence[tuple[float, float]]) -> list[Span]:
    """The spans with the holes cut out of them."""
    left = list(spans)
    for start, end in holes:
        cut: list[Span] = []
        for span in left:
            if end <= span.start or start >= span.end:
                cut.append(span)
                continue
            if span.start < start:
                cut.append(Span(span.start, start, span.why))
            if end < span.end:
                cut.append(Span(end, span.end, span.why))
        left = cut
    return left


def widened(spans: Iterable[Span], before: float, after: float, why: str) -> list[Span]:
    """From so many seconds before each opening to so many after each closing."""
    return merged(Span(span.start - before, span.end + after, why) for span in spans)


def pattern_of(sessions: Sequence[Session], zone: str) -> Pattern:
    """The ordinary week behind the newest sessions: their days of the week, and the hours that most of them have."""
    newest = sessions[-PATTERN:]
    if not newest:
        return Pattern()
    place = ZoneInfo(zone)

    def clock(at: float) -> time:
        return datetime.fromtimestamp(at, place).time().replace(microsecond=0)

    hours = Counter(tuple((clock(a), clock(b)) for a, b in parts(one)) for one in newest)
    days = Counter(one.day.weekday() for one in newest)
    return Pattern(frozenset(day for day, n in days.items() if n > 1), hours.most_common(1)[0][0])
