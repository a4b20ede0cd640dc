"""What a day's points say, whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity import figures
from xqplatform.metrics.points import Point

values = st.lists(st.floats(0, 1e12), min_size=1, max_size=150)


def points(of: list[float]) -> list[Point]:
    return [Point(600.0 * n, value, value, value, 60) for n, value in enumerate(of)]


@given(values)
def test_figures_rise_and_lie_between_the_lowest_and_the_highest(of: list[float]) -> None:
    found = figures.used(of)
    assert None not in (found.p50, found.p95, found.p99, found.max)
    assert min(of) <= found.p50 <= found.p95 <= found.p99 <= found.max == max(of)


@given(values, st.floats(0, 1), st.randoms())
def test_most_of_the_values_do_not_exceed_a_percentile(of: list[float], share: float, shuffle: object) -> None:
    ordered = sorted(of)
    found = figures.percentile(ordered, share)
    assert sum(value <= found for value in ordered) >= int(share * (len(ordered) - 1)) + (len(ordered) == 1)
    shuffled = list(of)
    shuffle.shuffle(shuffled)
    assert figures.used(shuffled) == figures.used(of)


@given(values, st.floats(0, 1), st.floats(0, 1))
def test_a_percentile_lies_between_and_grows(of: list[float], one: float, other: float) -> None:
    ordered = sorted(of)
    low, high = figures.percentile(ordered, min(one, other)), figures.percentile(ordered, max(one, other))
    assert ordered[0] <= low <= high * (1 + 1e-9) <= ordered[-1] * (1 + 2e-9)


@given(values, values)
def test_two_together_are_never_more_than_the_sum_of_their_highest(one: list[float], other: list[float]) -> None:
    both = figures.together([points(one), points(other)])
    assert both.max <= (max(one) + max(other)) * (1 + 1e-12)
    assert both.max >= max(*one, *other)


def test_nothing_measured_is_nothing_and_not_zero() -> None:
    assert figures.together([]) == figures.of_points([]) == figures.Used(None, None, None, None)
    assert figures.highest_p99([[]]) is figures.throttled([[]]) is figures.counted([]) is None
    with pytest.raises(ValueError):
        figures.percentile([], 0.5)


def test_kills_and_throttling_are_counted_over_all_instances() -> None:
    # A piece of time has the mean of its samples: one kill among sixty samples.
    ooms = [[Point(0, 1 / 60, 0, 1, 60), Point(600, 0, 0, 0, 60)], [Point(0, 2 / 60, 0, 1, 60)]]
    assert figures.counted(ooms) == 3
    assert figures.throttled([points([0, 0.2]), points([0.04, 0.05])]) == 0.5


def test_the_longest_mount_holds_the_folder() -> None:
    assert figures.mount_of("/var/lib/docker", ["/", "/var", "/var/lib/doc"]) == "/var"
    assert figures.mount_of("/data", ["/", "/database"]) == "/"
    assert figures.mount_of("", ["/", "/x"]) == "/"
    assert figures.mount_of("/data", ["/x"]) is None
