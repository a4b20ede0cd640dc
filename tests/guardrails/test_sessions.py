"""When a calendar is open: sessions, exceptions, imports, and days of which nothing is known. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from containers.guardrails.sessions import Book, Exceptional, Pattern, Session, opened, pattern_of, widened, without
from containers.guardrails.times import DAY, Span, moment

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = ((time(9, 30), time(11, 30)), (time(13), time(15)))
MONDAY = date(2026, 11, 30)


def session(day: date) -> Session:
    a, b, c, d = (moment(day, at, SHANGHAI) for pair in HOURS for at in pair)
    return Session(day, a, d, (b, c))


DAYS = [MONDAY + timedelta(days=n) for n in range(12) if (MONDAY + timedelta(days=n)).weekday() < 5]
BOOK = Book(
    "Asia/Shanghai",
    tuple(map(session, DAYS)),
    (MONDAY, MONDAY + timedelta(days=11)),
    pattern=Pattern(frozenset(range(5)), HOURS),
)


def at(day: date, clock: str) -> float:
    return moment(day, time.fromisoformat(clock), SHANGHAI)


def clocks(spans: list[Span]) -> list[tuple[str, str]]:
    return [tuple(f"{datetime.fromtimestamp(t, SHANGHAI):%d %H:%M}" for t in (s.start, s.end)) for s in spans]  # type: ignore[misc]


def of_day(book: Book, day: date, **how: bool) -> list[tuple[str, str]]:
    return clocks(opened(book, at(day, "00:00"), at(day, "00:00") + DAY, **how))


def test_a_day_has_two_halves_or_is_one_over_lunch() -> None:
    assert of_day(BOOK, MONDAY) == [("30 09:30", "30 11:30"), ("30 13:00", "30 15:00")]
    assert of_day(BOOK, MONDAY, breaks=False) == [("30 09:30", "30 15:00")]
    assert of_day(BOOK, MONDAY + timedelta(days=5)) == []  # a Saturday


def test_minutes_before_and_after() -> None:
    spans = widened(opened(BOOK, at(MONDAY, "00:00"), at(MONDAY, "23:00")), 15 * 60, 5 * 60, "open")
    assert clocks(spans) == [("30 09:15", "30 11:35"), ("30 12:45", "30 15:05")]
    spans = widened(opened(BOOK, at(MONDAY, "00:00"), at(MONDAY, "23:00")), 60 * 60, 60 * 60, "open")
    assert clocks(spans) == [("30 08:30", "30 16:00")]  # the break is gone


def test_exceptions_come_before_what_is_stored() -> None:
    closed = Book(BOOK.zone, BOOK.sessions, BOOK.known, (Exceptional(MONDAY),), pattern=BOOK.pattern)
    assert of_day(closed, MONDAY) == []
    saturday = MONDAY + timedelta(days=5)
    extra = Book(BOOK.zone, BOOK.sessions, BOOK.known, (Exceptional(saturday, (time(9), time(12))),))
    assert of_day(extra, saturday) == [("05 09:00", "05 12:00")]


def test_imported_times_close_and_open() -> None:
    hole = (at(MONDAY, "10:00"), at(MONDAY, "14:00"))
    assert of_day(Book(BOOK.zone, BOOK.sessions, BOOK.known, closed=(hole,)), MONDAY) == [
        ("30 09:30", "30 10:00"), ("30 14:00", "30 15:00"),
    ]  # fmt: skip
    assert of_day(Book("Asia/Shanghai", open=(hole,)), MONDAY) == [("30 10:00", "30 14:00")]


def test_beyond_what_is_known_a_day_counts_as_an_ordinary_one() -> None:
    later = MONDAY + timedelta(days=28)
    assert BOOK.assumed(later)
    assert not BOOK.assumed(MONDAY)
    assert of_day(BOOK, later) == [("28 09:30", "28 11:30"), ("28 13:00", "28 15:00")]
    assert of_day(BOOK, later + timedelta(days=5)) == []
    holiday = Book(BOOK.zone, BOOK.sessions, BOOK.known, (Exceptional(later),), pattern=BOOK.pattern)
    assert not holiday.assumed(later)
    assert of_day(holiday, later) == []


def test_what_is_ordinary_is_what_most_sessions_are() -> None:
    short = Session(DAYS[3], at(DAYS[3], "09:30"), at(DAYS[3], "12:00"))
    found = pattern_of([*BOOK.sessions, short], "Asia/Shanghai")
    assert (found.days, found.hours) == (frozenset(range(5)), HOURS)
    assert pattern_of([], "UTC") == Pattern()


spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda p: (float(p[0]), float(p[0] + p[1]))), max_size=8
)


@given(spans, spans)
def test_holes_are_cut_out_and_nothing_else(of: list[tuple[float, float]], holes: list[tuple[float, float]]) -> None:
    left = without([Span(a, b) for a, b in of], holes)
    for n in range(100):
        t = n / 2 + 0.25
        wanted = any(a <= t < b for a, b in of) and not any(a <= t < b for a, b in holes)
        assert wanted == any(s.start <= t < s.end for s in left)


@given(st.integers(0, 700), st.integers(0, 90), st.integers(0, 90))
def test_new_york_opens_at_half_past_nine_all_the_year_round(day: int, before: int, after: int) -> None:
    zone = ZoneInfo("America/New_York")
    book = Book("America/New_York", pattern=Pattern(frozenset(range(7)), ((time(9, 30), time(16)),)))
    on = date(2026, 1, 1) + timedelta(days=day)
    noon = datetime(on.year, on.month, on.day, 12, tzinfo=zone).timestamp()
    (span,) = [
        s for s in widened(opened(book, noon - DAY, noon + DAY), before * 60, after * 60, "") if s.start <= noon < s.end
    ]
    opens = datetime.fromtimestamp(span.start + before * 60, UTC).astimezone(zone)
    assert (opens.hour, opens.minute, opens.date()) == (9, 30, on)
