"""What a gate says of numbers, and how it counts the time: pure."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.gates import watch
from containers.gates.judge import LATE, Finding, Measured, Numbers, Rule, judge, limit_of, verdict
from containers.gates.watch import MOST, Watch

number = st.floats(-1e6, 1e6, allow_nan=False)
rules = st.builds(
    Rule,
    metric=st.just("cpu.cores"),
    compare=st.sampled_from(["old", "past", "bound"]),
    limit=st.floats(0, 500),
    margin=st.floats(0, 100),
    worse=st.sampled_from(["above", "below"]),
    watch=st.integers(10, 600),
    samples=st.integers(1, 20),
    broken=st.sampled_from(["hold", "roll back"]),
    missing=st.sampled_from(["hold", "pass"]),
)
measured = st.builds(
    Measured,
    value=st.none() | number | st.sampled_from([math.nan, math.inf, -math.inf]),
    samples=st.none() | st.integers(0, 30),
)
numbers = st.builds(
    Numbers, new=measured, base=measured, basis=st.sampled_from(["old", "past", "before", "none"]), problem=st.just("")
)
SEVERITY = ["continue", "measuring", "hold", "roll back"]


@given(rules, numbers, st.floats(0, 5000))
def test_only_enough_numbers_are_judged_and_only_after_the_watch(rule: Rule, given: Numbers, watched: float) -> None:
    found = judge(rule, given, watched)
    base_counts = rule.compare == "bound" or given.base.enough(rule.samples)
    if watched < rule.watch:
        assert found.state == "waits"
    elif rule.compare != "bound" and given.basis == "none":
        assert found.state == "alone"
    elif given.new.enough(rule.samples) and base_counts:
        assert found.state in {"kept", "broken"}
    else:
        assert found.state == ("waits" if watched < rule.watch + LATE else "missing")


@given(st.lists(st.tuples(rules, numbers), max_size=6))
def test_it_comes_to_an_end_whatever_is_measured(pairs: list[tuple[Rule, Numbers]]) -> None:
    over = max((rule.watch for rule, _n in pairs), default=0) + LATE
    found = [judge(rule, one, over) for rule, one in pairs]
    assert verdict([rule for rule, _n in pairs], found) != "measuring"


@given(rules, number, number, st.floats(0, 1e6))
def test_worse_numbers_are_never_judged_better(rule: Rule, new: float, base: float, more: float) -> None:
    worse = new + more if rule.worse == "above" else new - more

    def state(value: float) -> str:
        return judge(rule, Numbers(Measured(value, 99), Measured(base, 99), "old"), 1e9).state

    assert not (state(new) == "broken" and state(worse) == "kept")


@given(rules, number)
def test_the_same_numbers_keep_every_comparison(rule: Rule, value: float) -> None:
    same = Numbers(Measured(value, 99), Measured(value, 99), "old")
    assert rule.compare == "bound" or judge(rule, same, 1e9).state == "kept"


@given(rules, number)
def test_the_margin_is_always_allowed(rule: Rule, base: float) -> None:
    room = abs(limit_of(rule, base) - base)
    assert room >= rule.margin - 1e-6 * max(1.0, abs(base))


@given(st.lists(st.tuples(rules, numbers), max_size=5), st.tuples(rules, numbers), st.floats(0, 2000))
def test_one_more_rule_never_makes_it_more_lenient(
    pairs: list[tuple[Rule, Numbers]], more: tuple[Rule, Numbers], watched: float
) -> None:
    def said(of: list[tuple[Rule, Numbers]]) -> str:
        return verdict([rule for rule, _n in of], [judge(rule, one, watched) for rule, one in of])

    before, after = said(pairs), said([*pairs, more])
    # While it measures nothing new begins: that is as strict as a hold, and may still become one.
    assert SEVERITY.index(after) >= SEVERITY.index(before) or (before, after) == ("hold", "measuring")


def test_a_roll_back_is_said_at_once_and_a_hold_when_all_are_judged() -> None:
    hold, back = Rule("a"), Rule("b", broken="roll back")
    assert verdict([hold, back], [Finding("broken"), Finding("waits")]) == "measuring"
    assert verdict([hold, back], [Finding("waits"), Finding("broken")]) == "roll back"
    assert verdict([hold, back], [Finding("broken"), Finding("kept")]) == "hold"
    assert verdict([hold, back], [Finding("kept"), Finding("missing")]) == "hold"
    assert verdict([hold, replace(back, missing="pass")], [Finding("kept"), Finding("missing")]) == "continue"
    assert verdict([], []) == "continue"


@pytest.mark.parametrize(
    ("base", "limit", "margin", "worse", "allowed"),
    [
        (0.2, 50, 0.1, "above", 0.3),
        (1.0, 50, 0.1, "above", 1.5),
        (0.0, 100, 2, "above", 2.0),
        (-4.0, 50, 1, "above", -2.0),
        (100.0, 20, 0, "below", 80.0),
    ],
)
def test_how_far_it_may_be_off(base: float, limit: float, margin: float, worse: str, allowed: float) -> None:
    rule = Rule("a", "old", limit, margin, worse)  # type: ignore[arg-type]
    assert limit_of(rule, base) == pytest.approx(allowed)


# --- Time -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-86_400, 86_400), max_size=40))
def test_no_jump_of_the_clock_counts_as_watched(jumps: list[float]) -> None:
    """Each look counts for at most MOST seconds; a clock set back counts for nothing; before its beginning it begins anew."""
    now, seen = 1_800_000_000.0, Watch(1_800_000_000.0, 1_800_000_000.0)
    for jump in jumps:
        now += jump
        before, seen = seen, watch.look(seen, now)
        assert seen.looked == now
        assert seen.begun <= now
        if now < before.begun:
            assert (seen.begun, seen.watched) == (now, 0.0)
        else:
            assert seen.begun == before.begun
            assert 0 <= seen.watched - before.watched <= MOST
            assert now >= before.looked or seen.watched == before.watched
    assert seen.watched <= MOST * len(jumps)


@given(st.lists(st.floats(0.01, MOST), min_size=1, max_size=40))
def test_time_that_is_looked_at_counts_whole(steps: list[float]) -> None:
    now, seen = 1_800_000_000.0, Watch(1_800_000_000.0, 1_800_000_000.0)
    for step in steps:
        now += step
        seen = watch.look(seen, now)
    assert seen.watched == pytest.approx(sum(steps), abs=1e-3)
