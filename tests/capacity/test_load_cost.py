"""What load costs: known coefficients come back, the error covers them, and nonsense is refused in words."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity.load_cost import MIB, Cost, NoFit, Reading, fit, need
from containers.capacity.robust import Line, line

GIB = 1024 * MIB


def readings(
    seed: int,
    *,
    base: float = 0.2,
    slope: float = 0.004,
    noise: float = 0.03,
    rest: float = 600 * MIB,
    each: float = 1.5 * MIB,
    count: int = 300,
    top: float = 400,
) -> list[Reading]:
    """A day's curve, with noise that holds on for some minutes."""
    rng, found, drift = random.Random(seed), [], 0.0
    for n in range(count):
        load = top * (0.15 + 0.85 * abs(math.sin(n * math.pi / 150))) * rng.uniform(0.9, 1.1)
        drift = 0.6 * drift + rng.gauss(0, noise)
        memory = rest + each * load + rng.gauss(0, 20 * MIB)
        found.append(Reading(n * 300.0, load, max(0.0, base + slope * load + drift), memory, 4))
    return found


def test_it_recovers_what_was_put_in_and_its_error_covers_it() -> None:
    covered = 0
    for seed in range(60):
        cost = fit(readings(seed))
        assert cost.cpu.slope == pytest.approx(0.004, rel=0.1)
        assert cost.cpu.base == pytest.approx(0.2, abs=0.1)
        assert cost.memory.slope == pytest.approx(1.5 * MIB, rel=0.1)
        covered += abs(cost.cpu.slope - 0.004) <= cost.cpu.slope_error
        covered += abs(cost.cpu.at(300) - 1.4) <= cost.cpu.error(300)
    assert covered >= 102  # of 120; it shall be 19 of 20


@given(
    st.integers(0, 10_000),
    st.floats(0, 2),
    st.floats(0.0005, 0.05),
    st.integers(60, 300),
)
def test_any_coefficients_come_back(seed: int, base: float, slope: float, count: int) -> None:
    cost = fit(readings(seed, base=base, slope=slope, noise=slope * 10, count=count))
    assert cost.cpu.slope == pytest.approx(slope, rel=0.25)
    assert abs(cost.cpu.at(200) - base - slope * 200) <= 0.15 * (base + slope * 200)


def test_a_fifth_of_wild_points_changes_little() -> None:
    rows = readings(1)
    rng = random.Random(2)
    wild = [replace(one, cpu=one.cpu + rng.uniform(3, 9)) if rng.random() < 0.2 else one for one in rows]
    assert fit(wild).cpu.slope == pytest.approx(0.004, rel=0.1)
    assert fit(wild).cpu.counted < 0.9


def test_an_exact_line_has_no_error() -> None:
    found = line([float(n) for n in range(40)], [1 + 2.0 * n for n in range(40)])
    assert found is not None
    assert (found.base, found.slope) == (pytest.approx(1), pytest.approx(2))
    assert found.error(1000) == 0


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "0 moments"),
        (readings(1)[:20], "20 moments"),
        ([replace(one, load=100.0 + n % 3) for n, one in enumerate(readings(1))], "never varied"),
        ([replace(one, load=0.0) for one in readings(1)], "never varied"),
        ([replace(one, cpu=1.0 + n % 2 / 10) for n, one in enumerate(readings(1))], "does not rise"),
        ([replace(one, cpu=3 - one.cpu) for one in readings(1)], "does not rise"),
        ([replace(one, cpu=math.nan) for one in readings(1)], "0 moments"),
    ],
)
def test_it_refuses_in_words(rows: list[Reading], words: str) -> None:
    with pytest.raises(NoFit, match=words):
        fit(rows)


def test_a_bad_fit_is_refused_with_its_r2() -> None:
    """Half of the time another release ran, for which a request cost five times as much."""
    rows = [replace(one, cpu=one.cpu * (5 if n % 2 else 1)) for n, one in enumerate(readings(1))]
    with pytest.raises(NoFit, match="bad") as caught:
        fit(rows)
    assert caught.value.r2 is not None


def test_memory_that_does_not_follow_is_taken_as_it_is() -> None:
    cost = fit(readings(3, each=0.0))
    assert not cost.memory_follows
    assert cost.memory.at(10_000) == pytest.approx(600 * MIB, rel=0.02)


COST = Cost(
    cpu=Line(0.2, 0.004, v_base=1e-4, v_both=-2e-7, v_slope=1e-9, t=2.0, spread=0.03, r2=0.97),
    memory=Line(600.0 * MIB, 1.5 * MIB, v_base=1e12, v_both=0.0, v_slope=1e8, t=2.0, spread=1e6, r2=0.9),
    readings=300,
    lowest=20,
    highest=400,
    most_load=1600,
    peak_memory=1300.0 * MIB,
    bends=False,
)


@given(
    st.floats(0, 1e7),
    st.floats(0, 1e7),
    st.floats(0.5, 64),
    st.integers(GIB, 64 * GIB),
    st.floats(0.3, 1),
)
def test_more_load_never_needs_less(one: float, other: float, cpus: float, memory: int, target: float) -> None:
    low, high = (need(COST, load, cpus=cpus, memory=memory, target=target) for load in sorted((one, other)))
    if high.instances is None:
        return
    assert low.instances is not None
    for name in ("low", "likely", "high"):
        assert getattr(low.instances, name) <= getattr(high.instances, name)
    assert high.instances.low <= high.instances.likely <= high.instances.high
    assert high.cpu.low <= high.cpu.likely <= high.cpu.high
    share = high.load / high.count
    assert COST.cpu.at(share) <= cpus * target + 1e-9
    assert COST.memory.at(share) <= memory * target + 1
    if high.count > 1:  # and one less would not do
        more = high.load / (high.count - 1)
        assert COST.cpu.at(more) > cpus * target or COST.memory.at(more) > memory * target


def test_what_it_says_of_an_ordinary_case() -> None:
    found = need(COST, 12_000, cpus=4, memory=8 * GIB, target=0.6)
    # 12,000 × 0.004 = 48 cores, and 0.2 of each: n (2.4 - 0.2) ≥ 48
    assert found.count == 22
    assert found.bound == "cpu"
    assert found.instances is not None
    assert found.instances.low <= 22 <= found.instances.high < 26
    assert found.cpu.likely == pytest.approx(48 + 22 * 0.2)
    assert found.cpus == 4.25  # near what is given, since it goes by the upper end
    assert "nobody has seen" in found.warnings[0]
    assert "7.5 times" in found.warnings[1]


def test_limits_that_never_do_are_said_to_be_too_small() -> None:
    cores = need(COST, 100, cpus=0.25, memory=8 * GIB, target=0.6, standing=4)
    assert cores.instances is None
    assert "cores" in cores.why
    assert cores.cpus == 0.75
    assert cores.bytes >= 1300 * MIB
    memory = need(COST, 100, cpus=4, memory=512 * MIB, target=0.6)
    assert memory.instances is None
    assert "GiB" in memory.why
    assert "100000" in need(COST, 1e12, cpus=4, memory=GIB * 8, target=0.6).why


def test_no_limit_bounds_nothing() -> None:
    found = need(COST, 12_000, cpus=0, memory=8 * GIB, target=0.6)
    assert found.bound == "memory"
    assert need(COST, 12_000, cpus=0, memory=0, target=0.6).count == 1
