"""Replicas before the primary: the order, whatever batches and roles there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.rollout.roles import PRIMARY, REPLICA, Turn, ordered, said

roles = st.sampled_from([PRIMARY, REPLICA, ""])
releases = st.lists(st.tuples(st.integers(0, 4), roles), max_size=12).map(
    lambda found: [
        Turn(key, batch, key, role) for key, (batch, role) in enumerate(sorted(found, key=lambda one: one[0]))
    ]
)


@given(releases)
def test_nobody_is_lost_and_a_primary_goes_last_and_alone(turns: list[Turn]) -> None:
    found = ordered(turns)
    assert sorted((one.key, one.role) for one in found) == sorted((one.key, one.role) for one in turns)
    assert sorted(one.position for one in found) == sorted(one.position for one in turns)
    assert [one.batch for one in found] == sorted(one.batch for one in found)
    assert [one.position for one in found] == sorted(one.position for one in found)
    if len({one.role for one in turns}) > 1:
        for one in found:
            others = [other for other in found if other.key != one.key]
            if one.role == PRIMARY:
                assert all(other.batch != one.batch for other in others)
                assert all(other.batch < one.batch for other in others if other.role != PRIMARY)
            if one.role == REPLICA:
                assert all(other.batch >= one.batch for other in others if other.role == "")


@given(releases)
def test_asked_again_with_the_same_answers_nothing_changes(turns: list[Turn]) -> None:
    assert ordered(ordered(turns)) == ordered(turns)


@given(releases)
def test_without_a_difference_it_is_as_it_was(turns: list[Turn]) -> None:
    same = [Turn(one.key, one.batch, one.position, REPLICA) for one in turns]
    assert ordered(same) == sorted(same, key=lambda one: (one.batch, one.position))


def test_no_batch_gets_larger() -> None:
    turns = [Turn(1, 0, 0, PRIMARY), Turn(2, 1, 1, REPLICA), Turn(3, 1, 2, REPLICA)]
    assert [(one.key, one.batch) for one in ordered(turns)] == [(2, 0), (3, 1), (1, 2)]


@pytest.mark.parametrize(
    ("code", "output", "role"),
    [(0, "primary\n", PRIMARY), (0, "role:master\r\n", ""), (0, "master\n2\n", PRIMARY), (0, " Standby", REPLICA),
     (1, "primary", ""), (0, "", ""), (0, "primaryish", ""), (0, "\x00\x00", "")],
)  # fmt: skip
def test_what_they_say(code: int, output: str, role: str) -> None:
    assert said(code, output) == role


@given(st.integers(0, 255), st.text())
def test_any_output_is_some_role(code: int, output: str) -> None:
    assert said(code, output) in {PRIMARY, REPLICA, ""}
