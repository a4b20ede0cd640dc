"""By calendar and by forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from containers.guardrails.sessions import Book, Exceptional, Pattern
from containers.scaling import forecast
from containers.scaling.decide import decide
from containers.scaling.points import market_wish, week_wish
from containers.scaling.shape import Forecast, Load, MarketPoint, Memory, Policy, View, WeekPoint
from tests.scaling.played import Play

ZONE = ZoneInfo("Asia/Shanghai")
BOOK = Book(
    "Asia/Shanghai",
    pattern=Pattern(frozenset(range(5)), ((time(9, 30), time(11, 30)), (time(13), time(15)))),
    exceptions=(Exceptional(date(2026, 10, 1)), Exceptional(date(2026, 10, 2))),
)
POINTS = (MarketPoint("sse", "open", -20, 12), MarketPoint("sse", "close", 30, 4))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


def test_before_the_open_it_grows_and_after_the_close_it_shrinks() -> None:
    told = lambda text: market_wish("sse", POINTS, BOOK, at(text)).number  # noqa: E731
    assert [told(f"2026-09-29 {clock}") for clock in ("09:09:59", "09:10", "12:00", "15:29:59", "15:30")] == [
        4,
        12,
        12,
        12,
        4,
    ]
    assert told("2026-10-01 10:00") == told("2026-10-02 10:00") == told("2026-10-04 10:00") == 4  # holidays, Sunday
    assert told("2026-10-05 10:00") == 12


def test_the_calendar_is_a_floor_below_the_load_and_is_followed_at_once() -> None:
    policy = Policy(2, 30, loads=(Load("cpu.percent", 50.0),), market=POINTS, most_up=1)
    start = at("2026-09-29 08:00")
    played = Play(policy, lambda s: 1.0 if s < 4 * 3600 else 8.0, 4, books={"sse": BOOK}).run(9 * 3600, since=start)
    up = played.changes[0]
    assert up == (4200.0, 4, 12)
    assert played.at(4 * 3600 + 3000) >= 15
    assert played.here >= 15


def test_of_an_unknown_calendar_nothing_shrinks() -> None:
    policy = Policy(1, 30, market=POINTS)
    view = View(at("2026-09-29 20:00"), tuple(range(12)))
    decision = decide(policy, view, Memory())[0]
    assert decision.to is None
    assert decision.reason.code == "no-calendar"
    assert decide(policy, replace(view, books={"sse": BOOK}), Memory())[0].to == 6


def test_points_of_the_week() -> None:
    points = (WeekPoint((0, 1, 2, 3, 4), time(8), 10), WeekPoint((4,), time(20), 3))
    told = lambda text: week_wish(points, "Asia/Shanghai", at(text)).number  # noqa: E731
    assert [told(t) for t in ("2026-09-28 07:59", "2026-09-28 08:00", "2026-10-02 20:00", "2026-10-04 12:00")] == [
        3,
        10,
        3,
        3,
    ]
    assert week_wish((), "UTC", 0.0).number is None


@given(st.floats(0, 2e9), st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Pacific/Apia"]))
def test_a_point_of_every_day_always_tells(now: float, zone: str) -> None:
    points = (WeekPoint(tuple(range(7)), time(2, 30), 5),)
    assert week_wish(points, zone, now).number == 5


@settings(max_examples=100)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=8), st.integers(0, 100))
def test_a_forecast_lies_within_what_was_or_cannot_tell(past: list[float | None], margin: int) -> None:
    wish = forecast.wish(Forecast("cpu.percent", 4, 15, margin), 50.0, past)
    known = [value for value in past if value is not None]
    if len(known) < 3:
        assert wish.number is None
        assert wish.reason.code == "too-few-weeks"
    else:
        assert wish.number is not None
        assert min(known) / 50 - 1e-6 <= wish.number <= max(known) / 50 * (1 + margin / 100) + 1


def test_one_odd_week_is_no_forecast_and_a_forecast_is_there_ahead() -> None:
    assert forecast.wish(Forecast("cpu.percent", margin=0), 50.0, [400, 410, 9000, 390]).number == 9
    policy = Policy(1, 30, loads=(Load("cpu.percent", 50.0),), forecast=Forecast("cpu.percent"))
    past = lambda now: {"cpu.percent": [400.0, 420.0, 380.0, None] if now >= 1_000_900 else [50.0] * 4}  # noqa: E731
    played = Play(policy, lambda s: 0.4 if s < 1800 else 4.0, 1, past=past).run(2700)
    assert played.at(1000) >= 8
    assert played.turns() == 0
    nothing = Play(policy, lambda s: 0.4, 1).run(600)
    assert nothing.changes == []
