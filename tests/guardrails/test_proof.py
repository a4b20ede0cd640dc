"""What proves an image: pure, for any history."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from containers.guardrails.proof import Rule, Run, prove, same, stretches

NOW = 1_000_000.0
HOUR = 3600.0
times = st.floats(0, NOW, allow_nan=False).map(round).map(float)
runs = st.builds(
    Run,
    environment=st.sampled_from(["pre", "grey", "isolated"]),
    instance=st.integers(1, 4),
    began=times,
    ended=st.none() | times,
    well=st.booleans(),
    broken=st.lists(times, max_size=3).map(tuple),
)
histories = st.lists(runs, max_size=12)
rules = st.builds(
    Rule,
    environments=st.sampled_from([("pre",), ("grey",), ("pre", "grey"), ()]),
    seconds=st.integers(0, int(NOW)).map(float),
    instances=st.integers(1, 5),
)


def test_two_hours_on_two_instances() -> None:
    history = [Run("pre", 1, NOW - 3 * HOUR), Run("pre", 2, NOW - 2 * HOUR)]
    proof = prove(history, Rule(("pre",), HOUR, 2), NOW)
    assert (proof.holds, proof.environment, proof.instances, proof.seconds, proof.last) == (
        True, "pre", 2, 2 * HOUR, None,
    )  # fmt: skip
    assert not prove(history, Rule(("pre",), 2.5 * HOUR, 2), NOW).holds
    assert prove(history, Rule(("pre",), 2.5 * HOUR, 1), NOW).holds
    assert not prove(history, Rule(("grey",)), NOW).holds


def test_what_ended_tells_until_when() -> None:
    proof = prove([Run("pre", 1, NOW - 3 * HOUR, NOW - HOUR)], Rule(("pre",)), NOW)
    assert (proof.holds, proof.seconds, proof.last) == (True, 2 * HOUR, NOW - HOUR)


def test_what_is_ill_now_counts_for_nothing_and_a_kill_begins_anew() -> None:
    assert not prove([Run("pre", 1, NOW - HOUR, well=False)], Rule(("pre",)), NOW).holds
    killed = Run("pre", 1, NOW - 3 * HOUR, broken=(NOW - HOUR,))
    assert prove([killed], Rule(("pre",), 2 * HOUR), NOW).holds  # the two hours before it
    assert not prove([killed], Rule(("pre",), 2.5 * HOUR), NOW).holds


@given(histories, runs, rules)
def test_more_history_never_takes_a_proof_away(history: list[Run], more: Run, rule: Rule) -> None:
    if prove(history, rule, NOW).holds:
        assert prove([*history, more], rule, NOW).holds


@given(histories, rules, st.integers(0, 5), st.floats(0, NOW))
def test_a_harder_rule_never_gives_one(history: list[Run], rule: Rule, more: int, longer: float) -> None:
    harder = replace(rule, instances=rule.instances + more, seconds=rule.seconds + longer)
    if prove(history, harder, NOW).holds:
        assert prove(history, rule, NOW).holds


@given(histories, rules)
def test_a_proof_is_what_some_environment_of_the_rule_really_has(history: list[Run], rule: Rule) -> None:
    proof = prove(history, rule, NOW)
    long = {
        name: {
            run.instance
            for run in history
            if run.environment == name
            for start, end in stretches(run, NOW)
            if (NOW if end is None else end) - start >= rule.seconds
        }
        for name in rule.environments
    }
    assert proof.holds == any(len(instances) >= rule.instances for instances in long.values())
    if proof.environment:
        assert proof.environment in rule.environments
        assert 0 <= proof.seconds <= NOW


@given(histories, rules, st.randoms())
def test_the_order_of_rows_says_nothing(history: list[Run], rule: Rule, chance: object) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert prove(shuffled, rule, NOW) == prove(history, rule, NOW)


@given(runs)
def test_stretches_lie_within_the_run_and_none_spans_a_kill(run: Run) -> None:
    for start, end in stretches(run, NOW):
        stop = NOW if end is None else end
        assert run.began <= start <= stop <= (NOW if run.ended is None else run.ended)
        assert not any(start < at < stop for at in run.broken)
    assert run.well or run.ended is not None or all(end is not None for _start, end in stretches(run, NOW))


def test_a_clock_that_was_set_back_proves_nothing() -> None:
    assert not prove([Run("pre", 1, NOW + HOUR)], Rule(("pre",)), NOW).holds


def test_the_same_bytes_are_one_image_whatever_they_are_called() -> None:
    images = [(1, "sha256:a", "x"), (2, "sha256:a", "y"), (3, "sha256:b", "x"), (4, "", "z"), (5, "", "z"), (6, "", "")]
    assert same(images, images[0]) == {1, 2}
    assert same(images, images[3]) == {4, 5}
    assert same(images, images[5]) == {6}
