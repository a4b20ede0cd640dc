"""What an alert does with observations: it fires after its time, does not flap, and silence means nothing to it."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from xqplatform.alerts.judge import FIRING, PENDING, Limits, Seen, Span, Standing, spans, step

MEMORY = Limits(threshold=90, clear=85, hold=300, clear_hold=120)


def run(limits: Limits, values: list[float], every: float = 10.0, start: float = 1000.0) -> list[Standing | None]:
    standing, found = None, []
    for n, value in enumerate(values):
        at = start + n * every
        standing = step(limits, standing, Seen(at, value), at)
        found.append(standing)
    return found


def states(found: list[Standing | None]) -> list[str]:
    return [one.state if one else "fine" for one in found]


def test_it_fires_after_its_time_and_not_before() -> None:
    found = states(run(MEMORY, [95.0] * 31))
    assert found[:30] == [PENDING] * 30
    assert found[30] == FIRING


def test_without_a_time_it_fires_at_once() -> None:
    assert states(run(replace(MEMORY, hold=0), [91])) == [FIRING]


def test_a_moment_below_starts_the_time_anew() -> None:
    assert FIRING not in states(run(MEMORY, ([95.0] * 29 + [88.0]) * 5))


def test_it_resolves_after_its_time_of_being_good() -> None:
    found = run(MEMORY, [95.0] * 31 + [80.0] * 13)
    assert states(found)[31:43] == [FIRING] * 12
    assert found[43] is None


def test_it_keeps_the_worst_value() -> None:
    last = run(MEMORY, [95.0] * 31 + [99.0, 92.0])[-1]
    assert last is not None
    assert (last.value, last.peak) == (92.0, 99.0)


def test_below_is_the_mirror_of_above() -> None:
    low = Limits(threshold=30, clear=31, above=False)
    assert states(run(low, [40, 29, 30.5, 31])) == ["fine", FIRING, FIRING, "fine"]


between = st.floats(85.01, 90)


@given(st.lists(between, min_size=1, max_size=80))
def test_a_value_between_the_thresholds_never_starts_one(values: list[float]) -> None:
    assert set(states(run(MEMORY, values))) == {"fine"}


@given(st.lists(st.one_of(between, st.floats(90.01, 500)), min_size=1, max_size=120))
def test_a_value_that_is_never_good_never_ends_one(values: list[float]) -> None:
    found = states(run(MEMORY, [95.0] * 31 + values))
    assert set(found[30:]) == {FIRING}


@given(st.lists(st.floats(0, 200), max_size=200))
def test_two_changes_of_the_notified_state_are_never_closer_than_the_times(values: list[float]) -> None:
    found = states(run(MEMORY, values))
    fired = [state == FIRING for state in found]
    changes = [n for n in range(1, len(fired)) if fired[n] != fired[n - 1]]
    for first, second in itertools.pairwise(changes):
        wait = MEMORY.hold if fired[second] else MEMORY.clear_hold
        assert (second - first) * 10 >= wait


@given(st.lists(st.floats(0, 200), min_size=1, max_size=60), st.data())
def test_seeing_the_same_sample_twice_or_late_changes_nothing(values: list[float], data: st.DataObject) -> None:
    standing = None
    for n, value in enumerate(values):
        at = 1000.0 + 10 * n
        standing = step(MEMORY, standing, Seen(at, value), at)
        old = data.draw(st.floats(0, 10 * n + 0.0).map(lambda back, at=at: at - back))
        if standing is not None:
            assert step(MEMORY, standing, Seen(old, data.draw(st.floats(0, 200))), at + 3) == standing


@given(st.floats(0, 1e6))
def test_silence_never_ends_an_alert(seconds: float) -> None:
    firing = run(MEMORY, [95.0] * 31)[-1]
    assert step(MEMORY, firing, None, 1300 + seconds) == firing


def test_silence_ends_it_where_the_rule_says_so() -> None:
    rule = replace(MEMORY, silence_resolves=True, gap=60)
    firing = run(rule, [95.0] * 31)[-1]
    assert step(rule, firing, None, 1300 + 119) == firing
    assert step(rule, firing, None, 1300 + 121) is None


def test_what_was_in_a_gap_is_not_counted() -> None:
    pending = step(MEMORY, None, Seen(1000, 95), 1000)
    after = step(MEMORY, pending, Seen(2000, 95), 2000)
    assert after is not None
    assert (after.state, after.started) == (PENDING, 2000)
    firing = run(MEMORY, [95.0] * 31)[-1]
    good = step(MEMORY, firing, Seen(1310, 10), 1310)
    later = step(MEMORY, good, Seen(9000, 10), 9000)
    assert later is not None
    assert later.good_since == 9000


def test_a_source_that_knows_since_when_needs_no_waiting() -> None:
    """A restart of the platform forgets nothing that a row remembers."""
    drift = Limits(threshold=0.5, clear=0.5, hold=600)
    found = step(drift, None, Seen(5000, 1, since=4000), 5000)
    assert found is not None
    assert (found.state, found.started) == (FIRING, 4000)
    waiting = step(drift, None, Seen(5000, 1, since=4900), 5000)
    assert waiting is not None
    assert waiting.state == PENDING


@given(st.lists(st.floats(0, 200), min_size=1, max_size=40), st.floats(120, 86400))
def test_a_clock_set_back_stops_nothing(values: list[float], back: float) -> None:
    """Whatever came before: when it is bad for its time after the jump, it fires."""
    here = None
    for n, value in enumerate([95.0] * 20 + values):
        at = 100_000.0 + 10 * n - (0 if n < 20 else back)
        here = step(MEMORY, here, Seen(at, value), at)
    long_bad = [95.0] * 40
    for n, value in enumerate(long_bad):
        at = 100_000.0 + 10 * (20 + len(values) + n)
        here = step(MEMORY, here, Seen(at - back, value), at - back)
    assert here is not None
    assert here.state == FIRING


def test_nonsense_is_no_observation() -> None:
    firing = run(MEMORY, [95.0] * 31)[-1]
    assert step(MEMORY, firing, Seen(1400, float("nan")), 1400) == firing
    assert step(MEMORY, None, Seen(1400, float("inf")), 1400) is None


def test_spans_of_a_row_of_observations() -> None:
    values = [95.0] * 40 + [10.0] * 40 + [95.0] * 40
    found = list(spans(MEMORY, (Seen(10.0 * n, v) for n, v in enumerate(values))))
    assert found == [Span(300, 520, 95), Span(1100, None, 95)]
