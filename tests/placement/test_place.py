"""What the scheduler promises: rules and sizes hold, nothing is refused that would fit, what is said would help."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containers.placement import Demand, Host, Refusal, Remedy, Rules, Standing, place, words
from tests.placement.naive import Fleet, hosts_of, served
from tests.placement.worlds import worlds

GIB = 1 << 30
World = tuple[list[Host], list[Demand], list[Standing], dict[int, int]]
MANY = settings(max_examples=150, deadline=None)


def ask(world: World) -> Any:
    hosts, demands, standing, addresses = world
    return place(hosts, demands, standing=standing, addresses=addresses)


def fleet(world: World) -> Fleet:
    hosts, demands, standing, addresses = world
    return Fleet(hosts, standing, demands, addresses)


@MANY
@given(worlds())
def test_each_instance_goes_to_the_best_host_of_all_that_may_take_it(world: World) -> None:
    expected = served(fleet(world))
    assert hosts_of(ask(world)) == {name: tuple(found) for name, found in expected.items() if found}


@MANY
@given(worlds())
def test_rules_and_sizes_hold_and_what_is_refused_fits_nowhere(world: World) -> None:
    answer, left = ask(world), fleet(world)
    demands = {(one.place, one.key): one for one in world[1]}
    for one in answer.assignments:
        for pk in one.hosts:
            left.give(pk, demands[one.place, one.key])
    for host in world[0]:
        given_there = sum(one.hosts.count(host.pk) for one in answer.assignments)
        assert not given_there or (left.cpus[host.pk] <= host.cpus * 1000 and left.memory[host.pk] <= host.memory)
    for (name, key), pks in hosts_of(answer).items():
        demand = demands[name, key]
        for pk in pks:
            host = next(h for h in world[0] if h.pk == pk)
            assert not host.closed
            assert not left.avoids(demand, pk)
            assert not demand.rules.per_host or left.at[name, pk] <= demand.rules.per_host
            assert not demand.rules.per_room or left.in_room(name, host.room) <= demand.rules.per_room
    assert all(n >= 0 for n in left.addresses.values())
    for refusal in answer.refusals:
        demand = demands[refusal.place, refusal.key]
        assert refusal.fits == len(answer.hosts(refusal.place, refusal.key)) < demand.count
        assert not left.has_address(demand) or not any(left.takes(host, demand) for host in world[0])


@MANY
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter(world: World, dice: random.Random) -> None:
    hosts, demands, standing, addresses = world
    for rows in (hosts, demands, standing):
        before = ask(world)
        dice.shuffle(rows)  # type: ignore[arg-type]
        assert ask((hosts, demands, standing, addresses)) == before


@MANY
@given(worlds())
def test_with_what_a_refusal_asks_for_more_fits(world: World) -> None:
    hosts, demands, standing, addresses = world
    if len(demands) != 1:  # alone, so that nobody else takes what was added
        demands[1:] = []
    answer = ask(world)
    for refusal in answer.refusals:
        free = dict(addresses)
        if refusal.addresses and refusal.segment is not None:
            free[refusal.segment] += refusal.addresses
            if not refusal.remedies and not refusal.nowhere:
                assert len(ask((hosts, demands, standing, free)).hosts(refusal.place, refusal.key)) > refusal.fits
        for remedy in refusal.remedies:
            helped, asked = carried_out(remedy, refusal, hosts, demands[0])
            if asked is not None:
                found = ask((helped, [asked], standing, free))
                assert len(found.hosts(refusal.place, refusal.key)) > refusal.fits, words(refusal)


def carried_out(
    remedy: Remedy, refusal: Refusal, hosts: list[Host], demand: Demand
) -> tuple[list[Host], Demand | None]:
    """The fleet and the demand after somebody did what the remedy says; None for what is not done to a host or a rule."""
    host = next(one for one in hosts if one.pk == remedy.host)
    for lack in remedy.lacks:
        match lack.kind:
            case "cpus":
                host = replace(host, cpus=host.cpus + lack.amount)
            case "memory":
                host = replace(host, memory=host.memory + lack.amount)
            case "state":
                host = replace(host, closed="")
            case "segment":
                host = replace(host, segments=host.segments | {refusal.segment or 0})
            case "label" | "unlabel":
                demand = replace(demand, rules=replace(demand.rules, labels=frozenset(), unlabels=frozenset()))
            case "group":
                demand = replace(demand, groups=demand.groups | {host.room})
            case "architecture":
                host = replace(host, architecture=demand.architecture)
            case "per_host":
                demand = replace(demand, rules=replace(demand.rules, per_host=int(lack.needed)))
            case "per_room":
                demand = replace(demand, rules=replace(demand.rules, per_room=int(lack.needed)))
            case "missing":
                demand = replace(demand, missing={})
            case _:
                return hosts, None
    return [host if one.pk == host.pk else one for one in hosts], demand


@given(st.integers(1, 6), st.integers(0, 30), st.booleans())
def test_equal_hosts_get_as_many_within_one_and_so_do_rooms(rooms: int, count: int, first: bool) -> None:
    hosts = [Host(n, f"h{n:02}", cpus=64, memory=64 * GIB, room=1 + n % rooms) for n in range(2 * rooms)]
    answer = place(hosts, [Demand(1, count, 1, GIB, rules=Rules(rooms=first))])
    got = Counter(answer.hosts(1))
    assert max(got[h.pk] for h in hosts) - min(got[h.pk] for h in hosts) <= 1
    by_room = Counter(1 + pk % rooms for pk in answer.hosts(1))
    assert max(by_room[1 + r] for r in range(rooms)) - min(by_room[1 + r] for r in range(rooms)) <= 1


@given(st.integers(1, 8), st.integers(1, 4))
def test_packed_instances_leave_hosts_empty(hosts: int, each: int) -> None:
    rows = [Host(n, f"h{n}", cpus=each, memory=64 * GIB, real_cpus=each, real_memory=64 * GIB) for n in range(hosts)]
    answer = place(rows, [Demand(1, each * hosts, 1, GIB, rules=Rules(pack=True))])
    assert answer.fits
    runs = [answer.hosts(1)[n * each : (n + 1) * each] for n in range(hosts)]
    assert all(len(set(run)) == 1 for run in runs)  # one is full before the next is begun


def test_a_refusal_says_what_would_do() -> None:
    hosts = [
        Host(1, "h1", memory=4 * GIB, used_memory=3 * GIB, room=1, room_name="Room A"),
        Host(2, "h2", closed="cordoned: disk"),
    ]
    demand = Demand(7, 3, 1, GIB, segment=5, segment_name="lan", new_address=False)
    hosts = [replace(host, segments=frozenset({5})) for host in hosts]
    answer = place(hosts, [demand])
    assert answer.hosts(7) == (1,)
    assert not answer.fits
    text = words(answer.refusals[0])
    assert "No room for 2 of 3." in text
    assert "h2: cordoned: disk" in text
    assert "h1 (Room A): 1.0 GiB more memory (5.0 GiB would be promised, 4.0 GiB may be)" in text
    short = place([hosts[0]], [replace(demand, new_address=True, memory=GIB // 4)], addresses={5: 1})
    assert "2 more free addresses in segment lan are needed." in words(short.refusals[0])
    assert not short.refusals[0].remedies
    assert "There is no host" in words(place([], [demand]).refusals[0])


def test_two_demands_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="same place"):
        place([], [Demand(1, 1, 1, 1), Demand(1, 2, 1, 1)])
