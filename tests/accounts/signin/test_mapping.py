"""What groups give and take, for any groups, rules and changes by hand in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xqplatform.accounts.signin.mapping import ORDER, groups_in, role, teams

some = st.sets(st.integers(0, 8))


@given(st.lists(st.tuples(some, some, some), max_size=6), some)
def test_what_somebody_gave_by_hand_stays(history: list[tuple[set[int], set[int], set[int]]], start: set[int]) -> None:
    """Between sign-ins people add and remove by hand. What they added is never taken, unless groups had given it before."""
    now, gave = set(start), set[int]()
    by_hand = set(start)
    for want, added, removed in history:
        change = teams(now, gave, want)
        now = now - change.take | change.add
        gave = gave - change.take - change.forget | change.add
        assert want <= now, "all that groups give is there"
        assert by_hand <= now
        assert gave <= now
        assert now - by_hand - want == set(), "and no more than that"
        now = now | added - removed
        by_hand = (by_hand | (added - gave)) - removed
        now -= removed
    change = teams(now, gave, set())
    assert now - change.take == now - (gave & now)


@given(st.sampled_from(ORDER), st.lists(st.sampled_from(["", *ORDER]), max_size=6))
def test_a_role_comes_back_when_no_group_gives_one(start: str, wants: list[str]) -> None:
    now, gave, before = start, "", ""
    for want in wants:
        now, gave, before = role(now, gave, before, want)
        assert now == (want or start)
    now, gave, before = role(now, gave, before, "")
    assert (now, gave) == (start, "")


@given(st.sampled_from(ORDER), st.sampled_from(ORDER), st.sampled_from(ORDER))
def test_a_role_changed_by_hand_is_no_longer_the_groups(start: str, want: str, hand: str) -> None:
    _now, gave, before = role(start, "", "", want)
    after, left, _before = role(hand, gave, before, "")
    assert left == ""
    assert after == (start if hand == want else hand)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9), st.text())
def test_any_claim_is_read_without_a_fall(value: object, name: str) -> None:
    assert all(isinstance(group, str) and group for group in groups_in({name: value}, name))
