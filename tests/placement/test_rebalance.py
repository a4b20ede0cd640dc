"""Rebalancing: every step keeps all rules and gains, it ends, and what was moved does not go back."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from containers.placement import Demand, Host, Rules, Standing
from containers.placement.rebalance import Piece, Proposal, propose
from tests.placement.naive import Fleet
from tests.placement.worlds import RULES, host

GIB = 1 << 30
World = tuple[list[Host], list[Piece]]


@st.composite
def fleets(draw: st.DrawFn) -> World:
    """Hosts with what stands on them, by rules that may be broken already."""
    hosts = [draw(host(pk)) for pk in range(1, draw(st.integers(2, 6)) + 1)]
    pieces: list[Piece] = []
    for place in range(1, draw(st.integers(1, 5)) + 1):
        one = Demand(
            place,
            1,
            draw(st.sampled_from([0.1, 0.5, 1])),
            draw(st.integers(0, 3)),
            service=1 + place % 3,
            rules=draw(RULES),
            groups=draw(st.sampled_from([frozenset(), frozenset({0, 1})])),
            segment=draw(st.sampled_from([None, 1])),
            only=draw(st.sampled_from([None, None, frozenset({1, 2})])),
            missing=draw(st.sampled_from([{}, {3: "no pids"}])),
        )
        at = draw(st.dictionaries(st.sampled_from([h.pk for h in hosts]), st.integers(1, 3), min_size=1, max_size=3))
        pinned = draw(st.sampled_from(["", "", "data"]))
        pieces += [Piece(one, pk, count, pinned) for pk, count in at.items()]
    return [standing(one, pieces) for one in hosts], pieces


def standing(one: Host, pieces: list[Piece]) -> Host:
    mine = [part for part in pieces if part.host == one.pk]
    cpus = sum(round(part.one.cpus * 1000) * part.count for part in mine) / 1000
    return replace(one, used_cpus=cpus, used_memory=sum(part.one.memory * part.count for part in mine))


def fleet_of(hosts: list[Host], pieces: list[Piece]) -> Fleet:
    at: dict[int, Counter[int]] = {}
    for part in pieces:
        at.setdefault(part.one.place, Counter())[part.host] += part.count
    ones = {part.one.place: part.one for part in pieces}
    rows = [Standing(pk, ones[pk].service, dict(found), ones[pk].rules.avoid) for pk, found in at.items()]
    return Fleet(hosts, rows, list(ones.values()), {})


def carried_out(world: World, proposal: Proposal) -> World:
    hosts, pieces = world
    count: Counter[tuple[int, int]] = Counter()
    for part in pieces:
        count[part.one.place, part.host] += part.count
    for move in proposal.moves:
        count[move.place, move.old] -= 1
        count[move.place, move.new] += 1
    ones = {part.one.place: part for part in pieces}
    after = [replace(ones[place], host=pk, count=n) for (place, pk), n in sorted(count.items()) if n > 0]
    return [standing(one, after) for one in hosts], after


def squares(shares: dict[int, float]) -> float:
    return sum(share**2 for share in shares.values())


@settings(max_examples=150, deadline=None)
@given(fleets(), st.randoms(use_true_random=False))
def test_each_step_keeps_all_rules_in_whatever_order_they_are_carried_out(world: World, dice: random.Random) -> None:
    hosts, pieces = world
    proposal = propose(hosts, pieces)
    moves = list(proposal.moves)
    dice.shuffle(moves)
    state = fleet_of(hosts, pieces)
    ones = {part.one.place: part for part in pieces}
    rows = {one.pk: one for one in hosts}
    for move in moves:
        one = ones[move.place].one
        assert not ones[move.place].pinned
        assert not rows[move.old].closed
        # Nothing that leaves makes room for another one: what moves is counted at both ends till all is done.
        assert state.takes(rows[move.new], replace(one, leaves=move.old)), move
        state.give(move.new, replace(one, leaves=move.old, new_address=False))


@settings(max_examples=150, deadline=None)
@given(fleets())
def test_each_step_gains_and_it_ends_without_going_back(world: World) -> None:
    gone: set[tuple[int, int]] = set()
    for _turn in range(60):
        hosts, pieces = world
        proposal = propose(hosts, pieces, most=3)
        if not proposal.moves:
            break
        # Each turn leaves fewer against the rules, or as many, and hosts more evenly full.
        assert proposal.broken_after <= proposal.broken_before
        repairs = [move for move in proposal.moves if move.repairs]
        assert proposal.broken_before - proposal.broken_after >= len(repairs)
        assert repairs == list(proposal.moves[: len(repairs)])
        if not repairs:
            assert squares(proposal.after) < squares(proposal.before)
            assert max(proposal.after.values()) <= max(proposal.before.values())
        single = propose(hosts, pieces, most=1)
        assert single.moves == proposal.moves[:1]  # the first moves are worth it without the others
        world = carried_out(world, proposal)
        assert {pk: round(share, 9) for pk, share in propose(*world, most=0).before.items()} == {
            pk: round(share, 9) for pk, share in proposal.after.items()
        }
        assert broken(*world) == proposal.broken_after
        gone |= {(move.place, move.old) for move in proposal.moves}
    else:
        raise AssertionError("it goes on for ever")


@settings(max_examples=60, deadline=None)
@given(fleets(), st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter(world: World, dice: random.Random) -> None:
    before = propose(*world)
    for rows in world:
        dice.shuffle(rows)  # type: ignore[arg-type]
    assert propose(*world) == before


def broken(hosts: list[Host], pieces: list[Piece]) -> int:
    """Counted plainly: what has to go before each rule is kept."""
    state, found = fleet_of(hosts, pieces), 0
    ones = {part.one.place: part.one for part in pieces}
    for one in ones.values():
        for row in hosts:
            at = state.at[one.place, row.pk]
            labels = [not state.labelled(row, label) for label in one.rules.labels]
            labels += [state.labelled(row, label) for label in one.rules.unlabels]
            found += at if any(labels) or (one.groups and row.room not in one.groups) else 0
            found += max(0, at - one.rules.per_host) if one.rules.per_host else 0
            for foe in ones.values():
                against = foe.service in one.rules.avoid or one.service in foe.rules.avoid
                found += min(at, state.at[foe.place, row.pk]) if one.place < foe.place and against else 0
        for room in {row.room for row in hosts} if one.rules.per_room else ():
            found += max(0, state.in_room(one.place, room) - one.rules.per_room)
    return found


def test_what_stands_against_a_rule_moves_first_and_the_gain_is_told() -> None:
    first = Demand(1, 1, 1, GIB, service=1, rules=Rules(per_host=1))
    second = Demand(2, 1, 1, GIB, service=2, rules=Rules(avoid=frozenset({3})))
    third = Demand(3, 1, 1, GIB, service=3, rules=Rules(pack=True))
    labelled = Demand(4, 1, 1, GIB, service=4, rules=Rules(labels=frozenset({"gpu"})))
    pieces = [Piece(first, 1, 3), Piece(second, 2, 1), Piece(third, 2, 4), Piece(labelled, 3, 1)]
    hosts = [standing(one, pieces) for one in even(4)]
    hosts[3] = replace(hosts[3], labels={"gpu": "a100"})
    proposal = propose(hosts, pieces)
    assert (proposal.broken_before, proposal.broken_after) == (4, 0)
    assert [move.repairs for move in proposal.moves[:4]] == [{"per_host"}, {"per_host"}, {"avoid"}, {"label"}]
    assert {move.new for move in proposal.moves if move.place == 1} | {1} == {1, 3, 4} or len(
        {move.new for move in proposal.moves if move.place == 1}
    ) == 2
    assert [move.new for move in proposal.moves if move.place == 4] == [4]
    assert [(move.place, move.old) for move in proposal.moves[2:3]] == [(2, 2)]  # the fewer of the two go
    # One that may not move stays broken, and is counted.
    pinned = [replace(part, pinned="data") for part in pieces]
    stays = propose(hosts, pinned)
    assert (stays.broken_before, stays.broken_after, stays.moves) == (4, 4, ())


def test_a_crowded_room_is_left_for_another_one() -> None:
    one = Demand(1, 1, 1, GIB, service=1, rules=Rules(per_room=1))
    pieces = [Piece(one, 2, 1), Piece(one, 4, 1)]  # both in room 1
    proposal = propose([standing(row, pieces) for row in even(5)], pieces)
    assert [(move.new % 2, move.repairs) for move in proposal.moves] == [(1, {"per_room"})]


def even(count: int, **fields: Any) -> list[Host]:
    sizes = {"cpus": 16, "memory": 64 * GIB, "real_cpus": 16, "real_memory": 64 * GIB}
    return [Host(n, f"h{n}", room=1 + n % 2, **(sizes | fields)) for n in range(1, count + 1)]


def test_one_full_host_is_relieved_with_the_least_moves() -> None:
    pieces = [Piece(Demand(place, 1, 1, 4 * GIB, service=place), 1, 1) for place in range(1, 13)]
    hosts = [standing(one, pieces) for one in even(3)]
    proposal = propose(hosts, pieces)
    assert Counter(move.new for move in proposal.moves) == {2: 4, 3: 4}
    assert set(proposal.after.values()) == {0.25}
    assert proposal.uneven_after == 0 < proposal.uneven_before
    assert [move.deviation for move in proposal.moves] == sorted((m.deviation for m in proposal.moves), reverse=True)
    assert proposal.rooms_before == {1: 0, 2: 0.375}
    # The large one first, where one move does what many small ones would.
    large = [*pieces[:4], Piece(Demand(20, 1, 4, 16 * GIB, service=20), 1, 1)]
    assert [move.place for move in propose([standing(one, large) for one in even(2)], large).moves] == [20]


def test_what_is_spread_stays_spread_and_what_is_packed_or_pinned_stays() -> None:
    one = Demand(1, 1, 4, 4 * GIB, service=1)
    spread = [Piece(one, 1, 1), Piece(one, 2, 1)]
    other = Piece(Demand(2, 1, 8, 8 * GIB, service=2), 1, 1, "data")
    hosts = [standing(row, [*spread, other]) for row in even(2)]
    assert propose(hosts, [*spread, other]).moves == ()
    packed = [Piece(replace(one, rules=Rules(pack=True)), 1, 4)]
    assert propose([standing(row, packed) for row in even(2)], packed).moves == ()


def test_hosts_of_one_environment_are_evened_among_themselves() -> None:
    own = frozenset({1})
    pieces = [Piece(Demand(place, 1, 2, GIB, service=place, groups=own), 2, 1) for place in range(1, 7)]
    hosts = [standing(row, pieces) for row in even(60)]
    moves = propose(hosts, pieces).moves
    assert moves
    assert all(move.new % 2 == 0 for move in moves)


def test_nothing_to_do_is_no_move() -> None:
    assert propose([], []).moves == ()
    assert propose(even(3), []).uneven_before == 0
