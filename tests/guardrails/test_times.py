"""When releases are frozen, until when and why: pure, for any windows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.guardrails.times import (
    DAY,
    LONGEST,
    Once,
    Opened,
    Span,
    Weekly,
    Window,
    frozen,
    merged,
    moment,
    next_start,
)

# From 2026-01-01 on, two years: with both changes of summer time in New York and in Berlin.
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
moments = st.integers(int(START), int(START + 730 * DAY)).map(float)
zones = st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "Europe/Berlin", "Asia/Kolkata"])
clocks = st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None))
weeklies = st.builds(
    Weekly,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start=clocks,
    end=clocks,
    zone=zones,
    why=st.sampled_from(["deploy freeze", "night"]),
)


@st.composite
def onces(draw: st.DrawFn) -> Once:
    start = draw(moments)
    return Once(start, start + draw(st.integers(1, 10 * 86400)), "once")


windows = st.lists(weeklies | onces(), max_size=4)


@given(moments, windows)
def test_it_ends_later_and_is_over_then(at: float, found: list[Window]) -> None:
    state = frozen(at, found)
    if state is None:
        assert not any(s.start <= at < s.end for w in found for s in w.spans(at - 30 * DAY, at + 30 * DAY))
        return
    assert state.until is not None
    assert state.until > at
    if state.until - at < 39 * DAY:
        assert frozen(state.until, found) is None


@given(moments, windows, st.floats(0, 1))
def test_every_moment_until_its_end_is_frozen_with_the_same_end(at: float, found: list[Window], share: float) -> None:
    state = frozen(at, found)
    if state is not None and state.until is not None and state.until - at < 39 * DAY:
        between = at + share * (state.until - at) * 0.999
        again = frozen(between, found)
        assert again is not None
        assert again.until == state.until


@given(moments, windows, weeklies | onces())
def test_another_window_never_unfreezes(at: float, found: list[Window], more: Window) -> None:
    before, after = frozen(at, found), frozen(at, [*found, more])
    if before is not None and before.until is not None:
        assert after is not None
        assert after.until is not None
        assert after.until >= min(before.until, at + LONGEST)  # nobody looks further


@given(moments, weeklies)
def test_a_weekly_window_is_what_the_wall_clock_says(at: float, window: Weekly) -> None:
    """Read off the wall clock, away from the hours in which it is changed."""
    zone = ZoneInfo(window.zone)
    wall = datetime.fromtimestamp(at, zone)
    near = [datetime.fromtimestamp(at + hours * 3600, zone).utcoffset() for hours in (-26, 26)]
    if near[0] != near[1]:
        return
    clock, today = wall.time(), wall.weekday() in window.days
    yesterday = (wall - timedelta(days=1)).weekday() in window.days
    if window.end > window.start:
        inside = today and window.start <= clock < window.end
    else:
        inside = (today and clock >= window.start) or (yesterday and clock < window.end)
    assert (frozen(at, [window]) is not None) == inside


def test_the_hour_that_is_skipped_and_the_hour_that_comes_twice() -> None:
    york = ZoneInfo("America/New_York")
    spring, autumn = date(2026, 3, 8), date(2026, 11, 1)
    # 02:30 is not there: the moment of the change, 03:00 summer time.
    assert moment(spring, time(2, 30), york) == datetime(2026, 3, 8, 7, 0, tzinfo=UTC).timestamp()
    assert moment(spring, time(2, 30), york, late=True) == datetime(2026, 3, 8, 7, 0, tzinfo=UTC).timestamp()
    # 01:30 is there twice.
    assert moment(autumn, time(1, 30), york) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC).timestamp()
    assert moment(autumn, time(1, 30), york, late=True) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC).timestamp()
    night = Weekly(frozenset(range(7)), time(22), time(6), "America/New_York", "night")
    lengths = [
        span.end - span.start
        for span in night.spans(moment(date(2026, 3, 7), time(12), york), moment(spring, time(12), york))
    ]
    assert lengths == [7 * 3600.0]


@given(zones, st.dates(date(2026, 1, 1), date(2027, 12, 31)), clocks, clocks)
def test_the_wall_clock_never_runs_backwards(zone: str, day: date, a: time, b: time) -> None:
    early, late = min(a, b), max(a, b)
    place = ZoneInfo(zone)
    assert moment(day, early, place) <= moment(day, late, place, late=True)
    assert moment(day, early, place) <= moment(day, early, place, late=True)


def test_what_is_not_known_blocks_with_words_and_without_an_end() -> None:
    state = frozen(START, [Opened((), "no data")])
    assert state is not None
    assert (state.until, state.why) == (None, "no data")


def test_windows_that_follow_upon_each_other_are_one() -> None:
    state = frozen(
        START, [Once(START - 1, START + 60, "a"), Once(START + 60, START + 90, "b"), Once(START + 91, START + 99, "c")]
    )
    assert state is not None
    assert (state.until, state.why) == (START + 90, "a")


@given(moments, windows)
def test_the_next_window_begins_later_and_nothing_is_frozen_before_it(at: float, found: list[Window]) -> None:
    coming = next_start(at, found)
    if coming is not None and frozen(at, found) is None:
        assert coming.start > at
        assert frozen((at + coming.start) / 2, found) is None
        assert frozen(coming.start, found) is not None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=12))
def test_merged_spans_cover_the_same_and_do_not_touch(pairs: list[tuple[int, int]]) -> None:
    spans = [Span(a, a + n) for a, n in pairs]
    found = merged(spans)
    for at in range(75):
        assert any(s.start <= at < s.end for s in spans) == any(s.start <= at < s.end for s in found)
    assert all(a.end < b.start for a, b in pairwise(found))


@pytest.mark.parametrize("at", [START, START + 3 * DAY])
def test_without_windows_nothing_is_frozen(at: float) -> None:
    assert frozen(at, []) is None
