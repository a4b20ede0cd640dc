"""Proposed limits: never below what memory was in use, never lower where the limit itself cut off, and nothing out of nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity.rightsizing import (
    CUT_OFF,
    GIB,
    LEAST_DAYS,
    MIB,
    URGENT,
    WORTH,
    Limits,
    Mark,
    Past,
    UsedDay,
    Wish,
    judge,
    risk,
)

MEMORY = st.integers(6 * MIB, 256 * GIB)
LIMITS = st.builds(Limits, st.floats(0.01, 128), MEMORY)
CPU = st.floats(0, 256)
PAST = st.builds(
    Past, days=st.integers(LEAST_DAYS, 90), cpu=CPU, memory=st.integers(0, 64 * GIB), peak=st.integers(0, 128 * GIB),
    throttled=st.floats(0, 1), ooms=st.integers(0, 9),
)  # fmt: skip
WISH = st.builds(Wish, days=st.just(30), headroom=st.floats(0.1, 1), below_peak=st.booleans())


@given(LIMITS, PAST, WISH)
def test_memory_never_goes_below_what_was_in_use_unless_asked(now: Limits, past: Past, wish: Wish) -> None:
    proposed = judge(now, past, wish).proposed
    assert proposed.memory >= (past.memory or 0)
    if not wish.below_peak:
        assert proposed.memory >= (past.peak or 0)
        history = [UsedDay(past.cpu, past.memory, past.peak)]
        assert risk(proposed, history).level == "none"


@given(LIMITS, PAST, WISH)
def test_what_the_limit_cut_off_only_goes_up(now: Limits, past: Past, wish: Wish) -> None:
    advice = judge(now, past, wish)
    if Mark.OOM in advice.marks:
        assert advice.proposed.memory >= now.memory * CUT_OFF
    if Mark.THROTTLED in advice.marks:
        assert advice.proposed.cpus >= min(now.cpus * CUT_OFF, 512) - 1e-6


@given(LIMITS, PAST, WISH)
def test_a_change_is_worth_it_and_settles(now: Limits, past: Past, wish: Wish) -> None:
    advice = judge(now, past, wish)
    proposed = advice.proposed
    for before, after in ((now.cpus, proposed.cpus), (now.memory, proposed.memory)):
        assert not before * (1 - WORTH) + 0.01 < after < before
        if not past.ooms and past.throttled == 0 and after > before:
            assert after >= before * (1 + URGENT) - 0.01 or before < (past.cpu or 0) or before < (past.peak or 0)
    assert advice.changes or not {Mark.WIDE, Mark.TIGHT} & set(advice.marks)
    # What follows a proposal is no other one, when nothing was cut off by it.
    again = judge(proposed, replace(past, throttled=0.0, ooms=0), wish)
    assert again.proposed.memory <= proposed.memory
    assert again.proposed.cpus <= proposed.cpus
    assert judge(again.proposed, replace(past, throttled=0.0, ooms=0), wish).proposed == again.proposed


@given(LIMITS, PAST, WISH, st.integers(0, LEAST_DAYS - 1))
def test_too_little_is_said_and_nothing_proposed(now: Limits, past: Past, wish: Wish, days: int) -> None:
    for little in (replace(past, days=days), replace(past, cpu=None), replace(past, memory=None)):
        advice = judge(now, little, wish)
        assert Mark.SHORT in advice.marks
        assert not advice.changes
        assert (Mark.OOM in advice.marks) == bool(past.ooms)


@given(LIMITS, st.lists(st.builds(UsedDay, st.none() | CPU, st.none() | MEMORY, st.none() | MEMORY)))
def test_risk_counts_days_and_falls_with_more(limits: Limits, past: list[UsedDay]) -> None:
    found = risk(limits, past)
    more = risk(Limits(limits.cpus * 2, limits.memory * 2), past)
    assert more.cpu <= found.cpu
    assert more.memory <= found.memory <= found.killed <= found.days
    assert more.killed <= found.killed
    assert (found.level == "none") == (found.cpu == found.killed == 0)


@pytest.mark.parametrize(
    ("past", "marks", "proposed"),
    [
        ({"cpu": 0.5, "memory": GIB, "peak": int(1.2 * GIB)}, ["oversized"], (0.65, 1408 * MIB)),
        ({"cpu": 3.2, "memory": 6 * GIB, "peak": int(6.5 * GIB)}, ["fits"], (4.0, 8 * GIB)),
        ({"cpu": 3.9, "memory": 7 * GIB, "peak": int(7.9 * GIB)}, ["tight"], (5.0, int(8.75 * GIB))),
        ({"cpu": 0.004, "memory": 40 * MIB, "peak": 50 * MIB}, ["idle", "oversized"], (0.1, 64 * MIB)),
        ({"cpu": 3.9, "memory": 6 * GIB, "peak": int(6.5 * GIB), "throttled": 0.2}, ["throttled"], (6.0, 8 * GIB)),
        ({"cpu": 3.2, "memory": GIB, "peak": 8 * GIB, "ooms": 3}, ["oom"], (4.0, 12 * GIB)),
        ({"cpu": 0.5, "memory": GIB, "peak": 8 * GIB, "ooms": 3}, ["oom", "oversized"], (0.65, 12 * GIB)),
    ],
)
def test_examples_of_four_cores_and_eight_gib(
    past: dict[str, Any], marks: list[str], proposed: tuple[Any, Any]
) -> None:
    advice = judge(Limits(4.0, 8 * GIB), Past(days=30, **past), Wish())
    assert list(advice.marks) == marks
    assert (advice.proposed.cpus, advice.proposed.memory) == proposed


def test_what_is_saved_counts_every_instance() -> None:
    advice = judge(Limits(4.0, 8 * GIB), Past(30, 1.0, GIB, GIB), Wish())
    saved = advice.saved(10)
    assert saved.cpus == pytest.approx((4.0 - advice.proposed.cpus) * 10)
    assert saved.memory == (8 * GIB - advice.proposed.memory) * 10
