"""A month as a page draws it: each day with what is open and what is frozen. Rows in, plain values out."""

from __future__ import annotations

import calendar as months
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from containers.guardrails import sessions, times, windows
from containers.guardrails.times import Span
from containers.models import Calendar, Environment


@dataclass
class Line:
    kind: str  # open, closed, frozen
    clock: str
    words: str
    assumed: bool = False


@dataclass
class Day:
    day: date
    inside: bool
    today: bool
    lines: list[Line] = field(default_factory=list)


@dataclass
class Month:
    first: date
    weeks: list[list[Day]]
    zone: str

    @property
    def before(self) -> str:
        return f"{self.first - timedelta(days=1):%Y-%m}"

    @property
    def after(self) -> str:
        return f"{self.first + timedelta(days=32):%Y-%m}"


def first_of(text: str, zone: str) -> date:
    """The month that «2026-11» names; this one for nonsense."""
    try:
        found = datetime.strptime(text[:7], "%Y-%m").date()
    except ValueError:
        return timezone.localdate(timezone=ZoneInfo(zone)).replace(day=1)
    return found if 2000 <= found.year <= 2100 else timezone.localdate().replace(day=1)


def of_calendar(row: Calendar, text: str) -> Month:
    """A calendar's sessions, exceptions and imports; and the freezes that go by it, in its own zone."""
    month = _empty(first_of(text, row.zone), row.zone)
    since, until = _range(month)
    zone = ZoneInfo(row.zone)
    if not windows.blindness(row):
        book = windows.book_of(row, since, until)
        for span in sessions.opened(book, since, until):
            day = datetime.fromtimestamp(span.start, zone).date()
            _put(month, span, "open", _("open"), assumed=windows.assumed(row, day))
        for one in book.exceptions:
            if one.hours is None:
                _line(month, one.day, Line("closed", "", _("closed: an exception")))
        for start, end, *title in row.ics_spans if row.ics_means == "closed" else ():
            _put(month, Span(start, end), "closed", title[0] if title else _("closed"))
    for freeze in row.freezes.filter(on=True).select_related("environment", "calendar"):
        for span in windows.window(freeze, since, until).spans(since, until):
            _put(month, span, "frozen", _("%(where)s frozen") % {"where": freeze.environment.local_title})
    return month


def of_environment(environment: Environment, text: str) -> Month:
    """When releases are frozen in an environment, in the reader's zone."""
    zone = str(timezone.get_current_timezone())
    month = _empty(first_of(text, zone), zone)
    since, until = _range(month)
    found = [s for w in windows.windows_of(environment, since, until) for s in w.spans(since, until)]
    for span in times.merged(found):
        _put(month, span, "frozen", span.why)
    return month


def _empty(first: date, zone: str) -> Month:
    today = timezone.localdate(timezone=ZoneInfo(zone))
    weeks = months.Calendar().monthdatescalendar(first.year, first.month)
    return Month(first, [[Day(d, d.month == first.month, d == today) for d in week] for week in weeks], zone)


def _range(month: Month) -> tuple[float, float]:
    zone = ZoneInfo(month.zone)
    days = [day for week in month.weeks for day in week]
    start = datetime.combine(days[0].day, datetime.min.time(), zone)
    return start.timestamp(), datetime.combine(days[-1].day + timedelta(days=1), datetime.min.time(), zone).timestamp()


def _put(month: Month, span: Span, kind: str, words: str, *, assumed: bool = False) -> None:
    """A span on each day that it touches."""
    zone = ZoneInfo(month.zone)
    start, end = datetime.fromtimestamp(span.start, zone), datetime.fromtimestamp(span.end, zone)
    for week in month.weeks:
        for day in week:
            if start.date() <= day.day <= (end - timedelta(seconds=1)).date():
                first = f"{start:%H:%M}" if start.date() == day.day else "00:00"
                last = f"{end:%H:%M}" if end.date() == day.day else "24:00"
                clock = "" if (first, last) == ("00:00", "24:00") else f"{first}–{last}"
                day.lines.append(Line(kind, clock, words, assumed))


def _line(month: Month, on: date, line: Line) -> None:
    for day in (day for week in month.weeks for day in week if day.day == on):
        day.lines.append(line)
