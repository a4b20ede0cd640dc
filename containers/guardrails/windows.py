"""Freeze windows and calendars: rows into `times` and `sessions`, and what is to be said of an environment right now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from containers.guardrails import sessions, times
from containers.guardrails.sessions import Book, Exceptional, Pattern, Session
from containers.guardrails.times import Frozen, Span, Window
from containers.models import Calendar, Environment, Freeze
from xqplatform.web.templatetags.xq import exact

REACH = timedelta(days=45)  # how far ahead of a moment a freeze is followed


def windows_of(environment: Environment, at: float, until: float | None = None) -> list[Window]:
    """The windows of the environment that are on, with what touches the time from `at` to `until` (else some weeks)."""
    rows = environment.freezes.filter(on=True).select_related("calendar").prefetch_related("calendar__days")
    return [window(row, at, until) for row in rows]


def window(row: Freeze, at: float, until: float | None = None) -> Window:
    why = why_of(row)
    if row.kind == Freeze.Kind.ONCE:
        start, end = row.starts, row.ends
        return times.Once(start.timestamp() if start else 0, end.timestamp() if end else 0, why)
    if row.kind == Freeze.Kind.WEEKLY:
        days = frozenset(int(day) for day in row.days)
        return times.Weekly(days, row.start or time(), row.end or time(), row.zone or "UTC", why)
    assert row.calendar is not None
    end_of_look = until if until is not None else at + REACH.total_seconds()
    if blind := blindness(row.calendar):
        return times.Opened((), blind)
    book = book_of(row.calendar, at, end_of_look)
    spans = sessions.opened(book, at - times.DAY, end_of_look, breaks=not row.lunch)
    found = sessions.widened(spans, row.before * 60, row.after * 60, why)
    return times.Opened([_told(row.calendar, span) for span in found])


def _told(calendar: Calendar, span: Span) -> Span:
    """The span, which says so where it lies on a day of which the exchange has told nothing."""
    day = datetime.fromtimestamp((span.start + span.end) / 2, ZoneInfo(calendar.zone)).date()
    if not assumed(calendar, day):
        return span
    words = _("%(why)s (assumed: its days after %(day)s are not known yet)")
    return replace(span, why=words % {"why": span.why, "day": calendar.known_until})


def why_of(row: Freeze) -> str:
    if row.kind == Freeze.Kind.MARKET and row.calendar is not None:
        words = _("%(calendar)s is open") % {"calendar": row.calendar.title}
        return f"{row.reason} ({words})" if row.reason else words
    return row.reason or str(row.get_kind_display())


def blindness(calendar: Calendar) -> str:
    """Why nothing can be said of the calendar; empty when something can."""
    if calendar.computed is not None or (not calendar.market and not calendar.ics):
        return ""
    words = _("The calendar «%(name)s» has no data yet, so whether it is open is not known. %(why)s")
    return (words % {"name": calendar.title, "why": calendar.trouble}).strip()


def book_of(calendar: Calendar, since: float, until: float) -> Book:
    """What is known of the calendar around this time (all of it would be some hundred rows to read each time)."""
    first = (datetime.fromtimestamp(since, UTC) - timedelta(days=4)).date()
    last = (datetime.fromtimestamp(until, UTC) + timedelta(days=4)).date()
    low, high = first.isoformat(), last.isoformat()
    known = (calendar.known_from, calendar.known_until) if calendar.market else (None, None)
    spans = tuple((float(a), float(b)) for a, b, *_title in calendar.ics_spans)
    return Book(
        calendar.zone,
        tuple(session(one) for one in calendar.sessions if low <= one[0] <= high),
        known if known[0] and known[1] else None,  # type: ignore[arg-type]
        tuple(
            Exceptional(one.day, (one.opens, one.closes) if one.opens and one.closes else None)
            for one in calendar.days.all()
        ),
        spans if calendar.ics_means == "closed" else (),
        spans if calendar.ics_means == "open" else (),
        pattern(calendar.hours),
    )


def session(data: Sequence[Any]) -> Session:
    day, opens, pause_from, pause_to, closes = data
    pause = (float(pause_from), float(pause_to)) if pause_from is not None and pause_to is not None else None
    return Session(date.fromisoformat(day), float(opens), float(closes), pause)


def pattern(data: dict[str, Any]) -> Pattern:
    hours = tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in data.get("hours", []))
    return Pattern(frozenset(int(day) for day in data.get("days", [])), hours)


def frozen(environment: Environment, at: float) -> Frozen | None:
    """Whether releases are frozen there at this moment, until when and why."""
    return times.frozen(at, windows_of(environment, at))


@dataclass(frozen=True)
class Now:
    """The answer to «can I release now, until when?»."""

    frozen: Frozen | None
    next: Span | None = None

    @property
    def words(self) -> str:
        if self.frozen is not None:
            return frozen_words(self.frozen)
        if self.next is None:
            return _("Releases may begin now; no freeze is ahead within two weeks.")
        values = {"until": moment_words(self.next.start), "why": self.next.why}
        return _("Releases may begin now, until %(until)s: %(why)s.") % values


def now(environment: Environment, at: float) -> Now | None:
    """None where the environment has no windows at all: then there is nothing to say."""
    found = windows_of(environment, at)
    if not found:
        return None
    state = times.frozen(at, found)
    return Now(state, None if state is not None else times.next_start(at, found))


def frozen_words(state: Frozen) -> str:
    if state.until is None:
        return _("No release may begin: %(why)s") % {"why": state.why}
    return _("Frozen until %(until)s: %(why)s.") % {"until": moment_words(state.until), "why": state.why}


def moment_words(at: float) -> str:
    """In the reader's time zone, which the text names."""
    text = exact(datetime.fromtimestamp(at, UTC))
    day, clock, *zone = text.split(" ")
    return " ".join([day, clock[:5], *zone])


def assumed(calendar: Calendar, day: date) -> bool:
    """Whether of a day nothing is known, so that it counts as an ordinary one."""
    if not calendar.market or calendar.known_until is None or calendar.known_from is None:
        return False
    return not calendar.known_from <= day <= calendar.known_until
