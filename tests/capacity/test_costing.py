"""What a day costs whom: all of it is somewhere, and nothing has a price that nobody set."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity.costing import GIB, Bill, Machine, Price, bill, price_of, valid

DAY = date(2026, 11, 20)


def machine(host: int = 1, group: int | None = None, committed: float = 0.5) -> Machine:
    return Machine(host, group, 16, 64 * GIB, 15, 60 * GIB, 15 * committed, 60 * GIB * committed)


def test_the_whole_price_is_divided_by_what_is_committed() -> None:
    found = bill(DAY, 30, [machine()], {1: (6.0, 24.0 * GIB), 2: (1.5, 6.0 * GIB)}, [Price(DAY, monthly=300)])
    assert found.places == pytest.approx({1: 4.0, 2: 1.0})
    assert (found.unallocated, found.total) == pytest.approx((5.0, 10.0))


def test_by_core_and_gib() -> None:
    found = bill(DAY, 30, [machine(committed=1)], {1: (15.0, 0.0), 2: (0.0, 60.0 * GIB)}, [Price(DAY, core=30, gib=3)])
    assert found.places == pytest.approx({1: 16.0, 2: 6.4})
    assert found.unallocated == pytest.approx(0)


def test_the_nearest_and_newest_price_counts() -> None:
    of = {
        name: Price(at, monthly=n, **more)  # type: ignore[arg-type]
        for n, (name, at, more) in enumerate([
            ("all", date(2026, 1, 1), {}), ("group", date(2025, 1, 1), {"group": 7}), ("old", date(2024, 1, 1), {"host": 1}),
            ("new", date(2026, 6, 1), {"host": 1}), ("future", date(2026, 12, 1), {"host": 1}), ("other", date(2026, 6, 1), {"host": 2}),
        ])
    }  # fmt: skip
    prices = list(of.values())
    assert price_of(machine(1, 7), valid(DAY, prices)) is of["new"]
    assert price_of(machine(1, 7), valid(date(2025, 6, 1), prices)) is of["old"]
    assert price_of(machine(3, 7), valid(DAY, prices)) is of["group"]
    assert price_of(machine(3, 8), valid(DAY, prices)) is of["all"]
    assert price_of(machine(3, 8), valid(date(2025, 6, 1), prices)) is None


def test_hosts_without_a_price_are_counted_and_cost_nothing() -> None:
    found = bill(DAY, 30, [machine(1), machine(2)], {1: (15.0, 60.0 * GIB)}, [Price(DAY, monthly=300, host=1)])
    assert found.unpriced == {2}
    assert found.total == pytest.approx(10)
    assert found.places[1] == pytest.approx(5)
    nothing = bill(DAY, 30, [machine(1)], {1: (15.0, 60.0 * GIB)}, [])
    assert (nothing.total, nothing.places, nothing.unpriced) == (0, {}, {1})


AMOUNT = st.floats(0, 1e4)
MACHINES = st.lists(
    st.builds(Machine, st.integers(1, 9), st.none() | st.integers(1, 3), *[AMOUNT] * 6), max_size=8, unique_by=lambda m: m.host
)  # fmt: skip
PLACES = st.dictionaries(st.integers(1, 6), st.tuples(AMOUNT, AMOUNT), max_size=6)
PRICES = st.lists(
    st.builds(Price, st.dates(date(2026, 11, 1), date(2026, 11, 30)), st.none() | AMOUNT, AMOUNT, AMOUNT,
              st.none() | st.integers(1, 9), st.none() | st.integers(1, 3)), max_size=6
)  # fmt: skip


@given(MACHINES, PLACES, PRICES)
def test_every_cent_is_somewhere(
    machines: list[Machine], places: dict[int, tuple[float, float]], prices: list[Price]
) -> None:
    found = bill(DAY, 30, machines, places, prices)
    known = valid(DAY, prices)
    whole = sum(
        sum(price.parts(one.cores, one.memory)) / 30 for one in machines if (price := price_of(one, known)) is not None
    )
    assert found.total == pytest.approx(whole, abs=1e-6)
    assert found.unallocated >= 0
    assert all(amount > 0 for amount in found.places.values())
    assert found.priced | found.unpriced == {one.host for one in machines}
    twice = Bill()
    twice.merge(found)
    twice.merge(found)
    assert twice.total == pytest.approx(2 * found.total)
