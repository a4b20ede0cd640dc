"""The pure parts of a preview: capacity in the middle of a batch, how long it may take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.preview.expected import ENOUGH, Run, expected, quantile
from containers.preview.middle import middles

seconds = st.floats(0, 1e5, allow_nan=False)
some = st.lists(seconds, min_size=1, max_size=8)
actions = st.sampled_from(["replace", "add", "remove"])
runs = st.builds(
    Run,
    lead=seconds,
    steps=st.dictionaries(actions, some, min_size=1),
    gaps=st.lists(seconds, max_size=5),
    tail=seconds,
)
batches = st.lists(st.dictionaries(actions, st.integers(1, 50), min_size=1), min_size=1, max_size=6)


@given(st.lists(runs, min_size=ENOUGH, max_size=6), batches, st.floats(0, 1e4))
def test_it_lies_between_the_best_and_the_worst_that_ever_was(past: list[Run], plan: list, fixed: float) -> None:
    found = expected(past, plan, fixed)
    assert found is not None
    steps = [one for run in past for many in run.steps.values() for one in many]
    gaps = [gap for run in past for gap in run.gaps] or [0.0]
    ends = [run.lead + run.tail for run in past]
    low = fixed + min(ends) + len(plan) * min(steps) + (len(plan) - 1) * min(*gaps, 0.0, 0.0)
    high = fixed + max(ends) + len(plan) * max(steps) + (len(plan) - 1) * max(gaps)
    assert low * (1 - 1e-9) - 1e-6 <= found.p50 <= found.p90 <= high * (1 + 1e-9) + 1e-6
    assert found == expected(past, plan, fixed)


@given(seconds, seconds, seconds, st.integers(1, 12), st.integers(1, 40))
def test_a_service_that_always_takes_alike_long_is_foreseen(
    lead: float, step: float, gap: float, n: int, many: int
) -> None:
    past = [Run(lead, {"replace": [step] * 4}, [gap])] * ENOUGH
    found = expected(past, [{"replace": many}] * n, 7)
    assert found is not None
    whole = 7 + lead + n * step + (n - 1) * gap
    assert found.p50 == pytest.approx(whole)
    assert found.p90 == pytest.approx(whole)


def test_a_large_batch_waits_for_its_slowest() -> None:
    past = [Run(0, {"replace": [10.0] * 9 + [100.0]})] * ENOUGH
    one, many = expected(past, [{"replace": 1}]), expected(past, [{"replace": 50}])
    assert one is not None
    assert many is not None
    assert (one.p50, many.p50) == (10.0, 100.0)


def test_a_slow_day_is_slow_as_a_whole() -> None:
    quick, slow = Run(0, {"replace": [1.0]}), Run(0, {"replace": [9.0]})
    found = expected([quick] * 4 + [slow], [{"replace": 1}] * 10)
    assert found is not None
    assert (found.p50, found.p90) == (10.0, 90.0)


@given(st.lists(st.builds(Run, lead=seconds, steps=st.dictionaries(actions, some, min_size=1)), max_size=ENOUGH - 1))
def test_of_too_little_nothing_is_said(past: list[Run]) -> None:
    assert expected([*past, *[Run(3.0)] * 5], [{"replace": 1}]) is None
    assert expected(past * ENOUGH, []) is None


@given(some, st.floats(0, 1))
def test_a_quantile_is_one_of_them(values: list[float], part: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, part)
    assert sum(one <= found for one in ordered) >= part * len(ordered) - 1e-9
    assert found in ordered


@given(
    st.lists(st.integers(0, 500), max_size=20),
    st.integers(0, 500),
    st.none() | st.floats(0, 1e4),
    st.just(0.0) | st.floats(0.01, 64),
)
def test_the_fewer_are_left_the_busier_they_are(least: list[int], up: int, cores: float | None, limit: float) -> None:
    rows = middles(least, up, cores, limit)
    assert [(row.number, row.least) for row in rows] == list(enumerate(least, start=1))
    for row in rows:
        assert (row.share is None) == (up == 0)
        if row.cpu_then is None or row.cpu_now is None:
            assert row.cpu_then is None or row.cpu_now is None or cores is None
            continue
        assert (row.cpu_then >= row.cpu_now) if row.least <= up else (row.cpu_then <= row.cpu_now)
        assert row.cpu_then * limit * row.least == pytest.approx(100 * (cores or 0), abs=limit * row.least)
