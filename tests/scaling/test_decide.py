"""What a policy decides over time: it reaches its target, and does not flap."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from containers.scaling.decide import GAP, decide, paused_until
from containers.scaling.shape import Attempt, Load, Memory, Policy, Reason, View
from tests.scaling.played import Play

CPU = Policy(1, 50, loads=(Load("cpu.percent", 50.0),))
HOUR = 3600.0
quick = settings(max_examples=12, deadline=None, derandomize=True, phases=[p for p in Phase if p != Phase.shrink])


def near(policy: Policy, load: float, number: int) -> bool:
    """Whether the number holds the target within the tolerance, and is not far more than needed."""
    need = load * 100 / policy.loads[0].target
    return need / 1.1 - 1e-6 <= number <= max(policy.least, math.ceil(need / 0.9) + 1)


@quick
@given(st.floats(0.2, 20), st.floats(0.2, 20), st.integers(1, 30))
def test_a_step_up_and_one_down_turn_once_each_and_reach_the_target(first: float, second: float, here: int) -> None:
    played = Play(CPU, lambda at: first if at < HOUR else second, here).run(2 * HOUR)
    assert near(CPU, first, played.at(HOUR - 10))
    assert near(CPU, second, played.here)
    assert played.turns() <= 2
    assert all(1 <= n <= 50 for _at, n in played.numbers if n != here)


@quick
@given(st.floats(0.3, 15), st.integers(0, 10_000), st.floats(0.0, 0.04))
def test_a_load_that_only_trembles_changes_the_number_in_one_direction(load: float, seed: int, most: float) -> None:
    dice = random.Random(seed)
    played = Play(CPU, lambda at: load, 3, odd=lambda at, one, value: value * (1 + dice.uniform(-most, most)))
    assert played.run(2 * HOUR).turns() <= 1


@quick
@given(st.integers(0, 10_000), st.integers(3, 20))
def test_loud_noise_does_not_make_it_flap(seed: int, need: int) -> None:
    dice = random.Random(seed)
    odd = lambda at, one, value: max(0.0, value * (1 + dice.gauss(0, 0.1)))  # noqa: E731
    played = Play(CPU, lambda at: need / 2, need, odd=odd).run(2 * HOUR)
    assert len(played.changes) <= 2, played.changes


@quick
@given(st.floats(1, 10), st.floats(600, 5000))
def test_a_ramp_up_and_down_turns_once(top: float, lasts: float) -> None:
    played = Play(CPU, lambda at: 0.5 + top * max(0.0, 1 - abs(at - lasts) / lasts), 1).run(2 * lasts + HOUR)
    assert played.turns() <= 1
    assert near(CPU, 0.5, played.here)


def test_an_overload_is_answered_by_leaps() -> None:
    played = Play(CPU, lambda at: 12.0, 2).run(600)
    assert played.at(300) >= 24, played.changes
    assert played.turns() == 0
    assert played.here in range(22, 27)


@quick
@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_it_never_shrinks_for_lack_of_data(seed: int, share: float) -> None:
    dice = random.Random(seed)
    dead = {one for one in range(10) if dice.random() < share}
    odd = lambda at, one, value: None if at > 1200 and one in dead else value  # noqa: E731
    played = Play(CPU, lambda at: 5.0 if at < 1200 else 0.1, 10, odd=odd).run(1800)
    measured = 10 - len(dead)
    if measured < 6:
        assert played.here == 10
        reason = played.decisions[-1].reason
        assert reason.code == "missing"
        assert reason.data == {"measured": measured, "of": 10}
    assert played.here >= len(dead)


def test_it_goes_down_only_after_a_whole_window_that_was_measured() -> None:
    gap = lambda at, one, value: None if 1000 < at < 1200 else value  # noqa: E731
    played = Play(CPU, lambda at: 5.0 if at < 900 else 0.4, 10, odd=gap).run(HOUR)
    assert min(at for at, _here, _to in played.changes) >= 1200 + CPU.window
    assert played.here == 1


def test_a_counter_that_begins_anew_moves_nothing() -> None:
    odd = lambda at, one, value: 1e9 if at in (900.0, 1500.0) else (-3.0 if at == 1000 else value)  # noqa: E731
    assert Play(CPU, lambda at: 2.0, 4, odd=odd).run(2000).changes == []
    nonsense = lambda at, one, value: math.nan if at % 40 == 0 else math.inf if at % 60 == 0 else value  # noqa: E731
    assert Play(CPU, lambda at: 2.0, 4, odd=nonsense).run(2000).changes == []


@quick
@given(st.floats(-5 * HOUR, 5 * HOUR), st.floats(600, 1200))
def test_a_clock_that_jumps_neither_shrinks_at_once_nor_stops_it(jump: float, when: float) -> None:
    load = lambda at: 2.0 if at < when else 0.5  # noqa: E731
    played = Play(CPU, load, 4, clock=lambda at: at + (jump if at - 1_000_000 >= when else 0)).run(2 * HOUR)
    assert all(at >= when + CPU.window - GAP - 20 for at, _here, _to in played.changes), played.changes
    assert near(CPU, 0.5, played.here)
    assert played.turns() == 0


def test_going_down_goes_in_steps_and_the_most_and_least_bind() -> None:
    played = Play(replace(CPU, least=3), lambda at: 0.1, 40).run(3 * HOUR)
    assert [to for _at, _here, to in played.changes] == [20, 10, 5, 3]
    full = Play(replace(CPU, most=6), lambda at: 12.0, 2).run(600)
    assert full.here == 6
    assert full.decisions[-1].reason.code == "most"
    assert full.decisions[-1].short > 0


def test_changes_that_fail_are_tried_again_with_growing_pauses() -> None:
    played = Play(CPU, lambda at: 4.0, 2, grows=lambda at, here, to: min(to, 5)).run(2 * HOUR)
    times = [at for at, _here, _to in played.changes]
    pauses = [b - a for a, b in itertools.pairwise(times)]
    assert played.here == 5
    assert len(times) <= 8, times
    assert pauses[1:] == sorted(pauses[1:])
    assert pauses[-1] >= 1600
    assert any(one.reason.code == "pause" for one in played.decisions)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans(), st.booleans()), max_size=30), st.floats(0, 1e6))
def test_a_pause_is_never_longer_than_an_hour(rows: list[tuple[float, bool, bool]], now: float) -> None:
    attempts = tuple(Attempt(*row) for row in rows)
    assert paused_until(attempts, up=True) <= max((one.at for one in attempts), default=0) + 3600
    assert paused_until((*attempts, Attempt(now, True, True)), up=True) == 0
    full = {"cpu.percent": {1: [(now, 100.0)]}}
    decision = decide(CPU, View(now, (1,), -100.0, samples=full, attempts=attempts), Memory(now, now))[0]
    assert decision.to is not None or (decision.again is not None and decision.again <= now + 3600)


def test_nothing_is_changed_while_somebody_else_does() -> None:
    view = View(1000.0, (1, 2), busy=Reason("release", {"who": "ann"}), samples={"cpu.percent": {1: [(999.0, 100.0)]}})
    assert decide(CPU, view, Memory())[0].reason.code == "release"
    assert decide(CPU, replace(view, instances=(), busy=None), Memory())[0].reason.code == "nothing-stands"
    assert decide(replace(CPU, enabled=False), view, Memory())[0].to is None


@given(
    st.integers(1, 20), st.integers(0, 20), st.integers(0, 40),
    st.dictionaries(st.integers(0, 40), st.lists(st.tuples(st.floats(0, 2000), st.floats()), max_size=5)),
    st.floats(0, 3000), st.floats(0, 3000),
)  # fmt: skip
def test_whatever_comes_it_stays_within_bounds(
    least: int, more: int, here: int, values: dict, now: float, settled: float
) -> None:
    policy = replace(CPU, least=least, most=least + more)
    view = View(now, tuple(range(here)), settled, samples={"cpu.percent": values})
    decision, memory = decide(policy, view, Memory(now - 10, now - 10))
    assert decision.to is None or decision.to != here
    if decision.to is not None and least <= here <= least + more:
        assert least <= decision.to <= least + more
    assert Memory.of(memory.to_json()) == memory


def test_the_strongest_load_counts_and_a_blind_one_only_holds() -> None:
    policy = replace(CPU, loads=(*CPU.loads, Load("app.requests.rate", 100.0)))
    now = 10_000.0
    values = {"cpu.percent": {one: [(now - 5, 60.0)] for one in range(4)}}
    view = View(now, (0, 1, 2, 3), samples=values | {"app.requests.rate": {o: [(now - 5, 200.0)] for o in range(4)}})
    assert decide(policy, view, Memory())[0].to == 8
    assert decide(policy, replace(view, samples=values), Memory())[0].to == 5
    idle = {"cpu.percent": {one: [(now - 5, 1.0)] for one in range(4)}}
    decision = decide(policy, replace(view, samples=idle), Memory())[0]
    assert decision.to is None
    assert decision.reason.code == "missing"
