"""Kills for lack of memory: counted by the container's own counter or told of by the engine, each once."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from hosts.collector.kills import INEXACT, Ledger, Rise, settle, settled

TICK = 10.0


def test_a_word_that_no_rise_accounts_for_is_a_kill() -> None:
    assert settle(Ledger(), [104.0], 100.0)[0] == 1


def test_a_word_from_before_it_was_last_seen_is_none() -> None:
    assert settle(Ledger(), [97.0], 100.0)[0] == 0


def test_a_word_counts_once_whatever_ends_later() -> None:
    number, ledger = settle(Ledger(), [101.0], 90.0)
    assert (number, settle(ledger, [101.0], 100.0)[0]) == (1, 0)


def test_the_word_of_a_kill_that_the_counter_showed_is_none() -> None:
    ledger = Ledger().rose(90.0, 100.0, 1)
    assert settle(ledger, [101.5], 100.0)[0] == 0


def test_a_rise_whose_word_was_heard_takes_no_later_one() -> None:
    number, ledger = settle(Ledger().rose(90.0, 100.0, 1), [99.0], 100.0)
    assert (number, ledger.rises) == (0, ())
    assert settle(ledger, [99.0, 101.0], 100.0)[0] == 1


def test_what_is_old_is_forgotten() -> None:
    known = {"a": Ledger((Rise(0.0, 10.0, 1),)), "b": Ledger(spent=95.0), "c": Ledger()}
    assert set(settled(known, 100.0, TICK)) == {"b"}


def test_a_kill_that_the_engine_tells_twice_is_one() -> None:
    number, ledger = settle(Ledger(), [104.0, 104.003], 100.0)
    assert number == 1
    assert settle(ledger, [104.0, 104.003, 104.006], 100.0)[0] == 0
    assert settle(Ledger().rose(90.0, 100.0, 1), [99.0, 99.003], 95.0)[0] == 0
    assert settle(Ledger(), [104.0, 104.1], 100.0)[0] == 2


Story = st.lists(st.tuples(st.floats(0.1, 9.9), st.sampled_from(["within", "whole", "end", "quiet"])), max_size=12)


@given(Story, st.floats(0, INEXACT - 0.1), st.sampled_from([0.0, 0.003]))
def test_each_kill_counts_once_by_counter_or_by_word(story: list[tuple[float, str]], late: float, twin: float) -> None:
    """One thing a tick happens to a container that always begins again at once; words come a little late."""
    # The word of a kill about the time of a reading, and a rise after it whose own word is late: nobody can tell them apart then.
    for (first, what), (second, then) in pairwise(story):
        assume(
            not (what == "whole" and then == "within" and first + late > TICK - INEXACT and second + late + twin > TICK)
        )
    ledger, words, counted, kills, ended = Ledger(), list[float](), 0, 0, None
    for number, (within, what) in enumerate([*story, (1.0, "quiet")]):
        seen, now = number * TICK, (number + 1) * TICK
        if what in {"within", "whole"}:
            kills += 1
            words += [seen + within + late, seen + within + late + twin][: 2 if twin else 1]
        if what == "within":
            counted += 1
            ledger = ledger.rose(seen, now, 1)
        if ended is not None:
            heard = [word for word in words if ledger.asks_from(ended) < word <= now]
            more, ledger = settle(ledger, heard, ended)
            counted += more
        ended = seen if what in {"whole", "end"} else None
        ledger = settled({"it": ledger}, now, TICK).get("it", Ledger())
    assert counted == kills
