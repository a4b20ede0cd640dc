"""Lines of many instances by time, none lost, none twice, whatever the order in which they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.logs.merge import Sorter
from containers.logs.text import Line, of_nanos

ARRIVALS = st.lists(st.tuples(st.floats(0, 3, allow_nan=False), st.integers(0, 400), st.integers(1, 4)), max_size=60)


def line(number: int, at: int, text: str = "") -> Line:
    return Line(number, of_nanos(at), 0, 0, text)


@given(ARRIVALS, st.floats(0.0, 0.5))
def test_none_is_lost_and_none_comes_twice(arrivals: list[tuple[float, int, int]], hold: float) -> None:
    sorter, now, given, out = Sorter(hold), 0.0, [], []
    for n, (wait, at, number) in enumerate(arrivals):
        now += wait
        given.append(line(number, at, str(n)))
        sorter.add([given[-1]], now)
        part = sorter.take(now)
        assert [one.stamp for one in part] == sorted(one.stamp for one in part)
        out += part
    out += sorter.take(now, all=True)
    assert sorted(out) == sorted(given)
    assert not len(sorter)


@given(st.lists(st.tuples(st.integers(0, 250), st.integers(1, 4)), max_size=60))
def test_what_comes_late_by_less_than_the_hold_is_in_order(lines: list[tuple[int, int]]) -> None:
    # Written at `at` ms, each comes up to 250 ms later than it was written.
    sorter, out = Sorter(0.3), []
    written = [(n * 10, late, number) for n, (late, number) in enumerate(lines)]
    for at, late, number in sorted(written, key=lambda one: one[0] + one[1]):
        now = (at + late) / 1000
        sorter.add([line(number, at * 10**6)], now)
        out += sorter.take(now)
    out += sorter.take(99, all=True)
    assert [one.stamp for one in out] == sorted(one.stamp for one in out)


def test_without_a_hold_lines_go_as_they_come() -> None:
    sorter = Sorter(0)
    sorter.add([line(1, 5), line(1, 3)], 0)
    assert [one.stamp for one in sorter.take(0)] == [of_nanos(5), of_nanos(3)]
