"""How long it lasts, and when that cannot be told."""

from __future__ import annotations

import random
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity.runway import HORIZON, LEAST, LOOK_BACK, State, runway, trend

numbers = st.floats(0, 1e6)
days = st.lists(st.one_of(st.none(), numbers), max_size=120)
Points = tuple[tuple[int, float | None], ...]


def points(values: list[float | None]) -> Points:
    return tuple(enumerate(values))


@given(days, st.one_of(st.none(), numbers))
def test_whatever_the_days_are_the_range_holds_what_is_told(values: list[float | None], capacity: float | None) -> None:
    found = runway(points(values), capacity)
    assert (found.days is None) == (found.state not in {State.ENDS, State.FULL})
    if found.slope is not None:
        assert found.low <= found.slope <= found.high
    if found.state is State.ENDS:
        assert 0 < found.soonest <= found.days <= HORIZON
        assert found.latest is None or found.latest >= found.days
    if found.soonest is not None:
        assert found.soonest > 0


@given(st.integers(LEAST, LOOK_BACK), st.floats(0.01, 100), st.floats(0, 1e4), st.floats(1, 1000))
def test_a_straight_line_ends_where_it_meets_the_capacity(n: int, slope: float, start: float, left: float) -> None:
    values = [start + slope * day for day in range(n)]
    found = runway(points(values), values[-1] + slope * left)
    assert found.state is State.ENDS
    assert found.days == pytest.approx(left, rel=1e-3, abs=1e-3)
    assert found.soonest == pytest.approx(left, rel=1e-2, abs=1e-2)


@given(st.integers(0, 10_000), st.floats(0.2, 2), st.integers(40, 200))
def test_weeks_noise_and_days_that_stand_out_do_not_hide_growth(seed: int, slope: float, left: int) -> None:
    dice = random.Random(seed)
    values: list[float | None] = []
    for day in range(LOOK_BACK):
        weekend = -15 if day % 7 in {5, 6} else 0
        value = 200 + slope * day + weekend + dice.uniform(-1, 1)
        values.append(value * 3 if dice.random() < 0.05 else None if dice.random() < 0.05 else value)
    capacity = 200 + slope * (LOOK_BACK - 1 + left)
    found = runway(points(values), capacity)
    assert found.state is State.ENDS
    assert found.soonest < found.days < found.latest
    assert found.days == pytest.approx(left, rel=0.5, abs=10)
    assert found.slope == pytest.approx(slope, rel=0.25, abs=0.06)


@given(st.integers(0, 10_000))
def test_weeks_alone_are_no_growth(seed: int) -> None:
    """However a look-back cuts them."""
    first = seed % 7
    values = [100.0 + (-30 if (first + day) % 7 >= 5 else 0) for day in range(60 + seed % 30)]
    assert runway(points(values), 1000).state is State.STEADY


@given(st.lists(numbers, min_size=LEAST, max_size=80), st.floats(0.001, 1000), numbers)
def test_units_make_no_difference(values: list[float], factor: float, capacity: float) -> None:
    one, other = trend(points(values)), trend(points([v * factor for v in values]))
    assert astuple(other) == pytest.approx([v * factor for v in astuple(one)], rel=1e-6, abs=1e-6 * factor * 1e6)


@given(st.integers(0, 1000))
def test_more_capacity_never_lasts_shorter(seed: int) -> None:
    dice = random.Random(seed)
    values = points([50 + day * 0.5 + dice.gauss(0, 3) for day in range(90)])
    found = [runway(values, capacity) for capacity in (120, 150, 200)]
    assert [one.state for one in found] == [State.ENDS] * 3
    assert found[0].days < found[1].days < found[2].days


def test_too_few_days_are_said_and_no_zeros_are_made_of_gaps() -> None:
    gaps = points([5.0 if day % 8 == 0 else None for day in range(90)])
    found = runway(gaps, 100)
    assert (found.state, found.measured, found.days) == (State.FEW, 12, None)
    assert runway((), 100).state is State.FEW


def test_noise_without_a_trend_cannot_be_told_but_says_what_is_the_soonest() -> None:
    dice = random.Random(5)
    found = runway(points([50 + dice.uniform(-30, 30) for _day in range(90)]), 100)
    assert found.state is State.NOISY
    assert found.soonest is not None
    assert found.low <= 0 < found.high


def test_what_shrinks_is_full_or_has_no_end() -> None:
    falling = [200.0 - day for day in range(60)]
    assert runway(points(falling), 300).state is State.STEADY
    assert (runway(points(falling), 100).state, runway(points(falling), 100).days) == (State.FULL, 0.0)
    assert runway(points(falling), 0).state is runway(points(falling), None).state is State.NOTHING


def test_days_without_figures_at_the_end_are_days_that_passed() -> None:
    values: list[float | None] = [float(day) for day in range(60)]
    whole = runway(points(values), 100)
    gap = runway(points([*values[:50], *[None] * 10]), 100)
    assert (whole.days, gap.days) == pytest.approx((41, 41))
    assert (gap.level, gap.measured) == (pytest.approx(59), 50)


def test_slow_growth_is_far_away() -> None:
    assert runway(points([100 + day * 0.001 for day in range(90)]), 1e5).state is State.FAR


def test_a_step_long_ago_is_no_growth_and_one_of_last_month_counts_at_its_level() -> None:
    """Machines were taken over in the middle: the level is the new one, and the range says how unsure the rest is."""
    found = runway(points([100.0] * 45 + [150.0] * 45), 200)
    assert found.level == pytest.approx(150, abs=10)
