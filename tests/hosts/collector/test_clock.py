from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.collector.clock import EARLY, LATE, WINDOW, Clock


def test_what_comes_first_may_be_old_so_the_clock_waits_for_what_is_surely_new() -> None:
    clock = Clock()
    for uptime in (10, 20, 30, 40):  # an old log, all at once
        assert not clock.hear("boot", uptime, 1000.0)
        assert not clock.knows("boot")
    assert clock.hear("boot", 50, 1008.0)
    assert clock.time(50) == 1008.0
    assert clock.time(10) == 968.0


def test_a_known_offset_gives_old_ticks_their_very_times_again() -> None:
    first, second = Clock("boot", 900.0), Clock("boot", 900.0)
    for uptime in (10, 20, 30):
        second.hear("boot", uptime, 5000.0)
    assert [second.time(uptime) for uptime in (10, 20, 30)] == [first.time(uptime) for uptime in (10, 20, 30)]


def test_small_delays_change_nothing() -> None:
    clock = Clock("boot", 900.0)
    for tick in range(100):
        assert not clock.hear("boot", tick * 10.0, 900.0 + tick * 10 + (tick % 7) * 0.3)
    assert clock.offset == 900.0


def test_an_earlier_arrival_than_possible_sets_it_at_once() -> None:
    clock = Clock("boot", 900.0)
    clock.hear("boot", 10.0, 910.0)
    assert clock.hear("boot", 20.0, 920.0 - EARLY - 0.1)
    assert clock.time(20.0) == pytest.approx(919.65, abs=0.02)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_when_the_platforms_clock_jumps_ticks_follow_it_within_a_minute(jump: float) -> None:
    clock = Clock("boot", 900.0)
    clock.hear("boot", 10.0, 910.0)
    for tick in range(2, WINDOW + 4):
        clock.hear("boot", tick * 10.0, 900.0 + tick * 10 + jump)
    assert clock.offset == pytest.approx(900.0 + jump)


def test_another_start_of_the_machine_is_another_time() -> None:
    clock = Clock("old", 900.0)
    assert not clock.hear("new", 5.0, 2000.0)
    assert clock.hear("new", 15.0, 2010.0)
    assert clock.knows("new")
    assert not clock.knows("old")
    assert clock.time(5.0) == 2000.0


@given(st.lists(st.floats(0, 1.0), min_size=10, max_size=60), st.integers(0, 5))
def test_times_are_never_far_from_the_truth(delays: list[float], backlog: int) -> None:
    clock = Clock()
    for tick, delay in enumerate(delays):
        true = 5000.0 + tick * 10
        clock.hear("boot", tick * 10.0, (5000.0 + backlog * 10 if tick < backlog else true) + delay)
    assert clock.knows("boot")
    assert -EARLY - 0.01 <= clock.offset - 5000.0 - min(delays[max(backlog, 1) :], default=0) <= LATE + 10
