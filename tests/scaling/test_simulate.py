"""A policy played over a load that was."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from containers.scaling.shape import Forecast, Load, Policy
from containers.scaling.simulate import WEEK, Curve, simulate
from containers.scaling.trial import _finer

POLICY = Policy(2, 40, loads=(Load("cpu.percent", 50.0),))
DAY = 86_400.0


def day_curve(top: float, days: float = 7, level: float = 300.0, since: float = 0.0) -> Curve:
    """Busy at noon, idle at night; sums in percent."""
    times = [since + n * level for n in range(int(days * DAY / level))]
    return Curve(times, [100 + top * max(0.0, math.sin((t % DAY) / DAY * 2 * math.pi - 1.57)) for t in times], level)


def test_it_follows_the_days_and_costs_less_than_the_highest_number_all_the_time() -> None:
    began = time.process_time()
    found = simulate(POLICY, {"cpu.percent": day_curve(900)}, 0.0, 7 * DAY, 2, books={})
    assert time.process_time() - began < 10
    assert found.turns <= 14, "up and down once a day"
    assert 18 <= found.highest <= 22
    assert found.hours < 0.7 * found.highest * 168
    assert found.full == 0
    assert found.above < 0.02 * 7 * 1440, "a ramp is followed by steps of the tolerance"


def test_a_most_that_is_too_low_shows_as_minutes_above_the_target() -> None:
    curves = {"cpu.percent": day_curve(900)}
    tight = simulate(replace(POLICY, most=8), curves, 0.0, 7 * DAY, 2, books={})
    wide = simulate(POLICY, curves, 0.0, 7 * DAY, 2, books={})
    assert tight.highest == 8
    assert tight.above > 10 * max(1, wide.above)
    assert tight.full > 0
    assert tight.hours < wide.hours


def test_a_forecast_is_there_before_the_load() -> None:
    steep = Curve([n * 300.0 for n in range(5 * 2016)], [900.0 if n % 288 >= 150 else 90 for n in range(5 * 2016)], 300)
    plain = simulate(POLICY, {"cpu.percent": steep}, 4 * WEEK, 5 * WEEK, 2, books={})
    ahead = replace(POLICY, forecast=Forecast("cpu.percent", 4, 15, 0))
    told = simulate(ahead, {"cpu.percent": steep}, 4 * WEEK, 5 * WEEK, 2, books={})
    assert told.above < plain.above
    assert told.turns <= 14


def test_earlier_weeks_are_known_at_every_minute_though_they_are_kept_more_coarsely() -> None:
    coarse = [(n * 1200.0, float(n), 2) for n in range(100) if not 40 <= n < 60]  # with a gap
    points = _finer(coarse, 300.0)
    curve = Curve([at for at, _total in points], [total for _at, total in points], 300.0)
    for at in range(60, int(99.9 * 1200), 60):
        bucket = at // 1200
        expected = None if 40 <= bucket < 60 else float(bucket)
        assert curve.highest(at, at) == expected, at
    assert curve.highest(1190, 1210) == 1


def test_hundreds_of_instances_are_played_as_quickly_as_a_few() -> None:
    began = time.process_time()
    policy = Policy(400, 500, loads=(Load("cpu.percent", 50.0),), over=1800)
    found = simulate(policy, {"cpu.percent": day_curve(22_000)}, 0.0, 7 * DAY, 400, books={})
    assert found.highest > 400
    assert time.process_time() - began < 8


def test_what_was_not_measured_changes_nothing_and_counts_apart() -> None:
    whole = day_curve(900, 2)
    half = len(whole.times) // 2
    found = simulate(
        POLICY, {"cpu.percent": Curve(whole.times[:half], whole.sums[:half], 300)}, 0.0, 2 * DAY, 9, books={}
    )
    assert found.blind > 1300
    assert all(at <= DAY + 600 for at, _n in found.numbers)
    assert simulate(POLICY, {}, 0.0, DAY, 9, books={}).numbers == ((0.0, 9),)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 5000), min_size=20, max_size=60), st.integers(1, 30))
def test_it_stays_within_bounds_and_adds_up(sums: list[float], here: int) -> None:
    times = [n * 300.0 for n in range(len(sums))]
    end = 300.0 * len(sums)
    found = simulate(POLICY, {"cpu.percent": Curve(times, sums, 300)}, 0.0, end, here, books={})
    assert all(2 <= n <= 40 for _at, n in found.numbers[1:])
    spans = zip(found.numbers, [*(at for at, _n in found.numbers[1:]), end], strict=True)
    assert math.isclose(found.hours, sum((until - at) * n / 3600 for (at, n), until in spans))
