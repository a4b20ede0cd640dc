"""Which host an instance moves to: only where its address can go, where it fits, spread evenly; else the reason is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from containers import rollout
from containers.config import Config
from containers.moving import Mover, Wish, plan_moves
from containers.plan import HostView, InstanceView, Plan, Policy
from hosts.models.machines import OVERCOMMIT_CPUS, OVERCOMMIT_MEMORY

GIB = 1 << 30
CONFIG = Config(cpus=1, memory=GIB)
SEGMENT = 7


def host(pk: int, **fields: object) -> HostView:
    return replace(HostView(pk, f"h{pk}", cpus=8, memory=16 * GIB), **fields)  # type: ignore[arg-type]


def instance(number: int, on: int = 1) -> InstanceView:
    return InstanceView(pk=100 + number, number=number, host=on, address=f"10.0.0.{number}", image="v1")


def plan(
    instances: list[InstanceView],
    hosts: list[HostView],
    *,
    away_from: int = 1,
    on_segment: set[int] | None = None,
    config: Config = CONFIG,
    policy: Policy | None = None,
    wish: Wish | None = None,
    **fields: object,
) -> Plan:
    movers = [
        replace(Mover(one, segment=SEGMENT, segment_name="lan"), **fields)  # type: ignore[arg-type]
        for one in instances
        if one.host == away_from
    ]
    return plan_moves(
        standing=instances,
        movers=movers,
        hosts=hosts,
        on_segment={SEGMENT: frozenset(on_segment if on_segment is not None else {h.pk for h in hosts})},
        config=config,
        policy=policy or Policy(),
        wish=wish or Wish(),
    )


def test_instances_are_spread_over_the_emptiest_hosts_with_their_addresses() -> None:
    made = plan(
        [*(instance(n) for n in range(1, 5)), instance(5, on=2), instance(6, on=2)], [host(1), host(2), host(3)]
    )
    assert made.fits
    assert Counter(entry.host_name for entry in made.entries) == {"h3": 3, "h2": 1}
    assert {(entry.number, entry.address) for entry in made.entries} == {(n, f"10.0.0.{n}") for n in range(1, 5)}
    assert {entry.old_host_name for entry in made.entries} == {"h1"}


def test_a_host_that_was_chosen_is_taken_and_no_other() -> None:
    hosts = [host(1), host(2), host(3, instances=9)]
    assert {e.host for e in plan([instance(1), instance(2)], hosts, wish=Wish(to=3)).entries} == {3}
    refused = plan([instance(1)], hosts, wish=Wish(to=1))
    assert "stands there already" in refused.refusal()
    assert "does not run services" in plan([instance(1)], hosts, wish=Wish(to=44)).refusal()


def test_what_does_not_fit_is_said_with_what_would_let_it() -> None:
    hosts = [
        host(1),
        host(2, unfit="cordoned: disk"),
        host(3),
        host(4, in_groups=False),
        host(5, missing=("no pids",)),
        host(6, architecture="aarch64"),
        host(7, memory=GIB // 8),
    ]
    hosts[0] = replace(hosts[0], architecture="x86_64")
    words = plan([instance(1)], hosts, on_segment={1, 2, 4, 5, 6, 7}).refusal()
    for part in ("h2: cordoned: disk", "h3: not on the segment lan", "h4: not in the environment's host groups",
                 "h5: no pids", "h6: another kind of machine", "h7: 0.5 GiB more memory"):  # fmt: skip
        assert part in words
    assert "no other host" in plan([instance(1)], [host(1)]).refusal()


def test_data_and_a_lost_host_are_asked_for_by_name() -> None:
    hosts, one = [host(1), host(2)], [instance(1)]
    assert "/persist" in plan(one, hosts, data="/persist").refusal()
    kept = plan(one, hosts, data="/persist", wish=Wish(with_data=True))
    assert kept.fits
    assert "stays on h1" in kept.entries[0].note
    assert "machine is off" in plan(one, hosts, lost=True).refusal()
    assert plan(one, hosts, lost=True, wish=Wish(fenced=True)).fits
    assert "another host only" in plan(one, hosts, only_on=1).refusal()
    assert "Nothing has been released" in plan(one, hosts, made=False).refusal()


def test_an_instance_without_a_segment_gets_another_address() -> None:
    made = plan([instance(1)], [host(1), host(2)], segment=None, on_segment=set())
    assert made.fits
    assert "another address" in made.entries[0].note


HOSTS = st.lists(
    st.builds(
        lambda n, memory, cpus, used, fit, segment: (
            replace(host(n + 2), memory=memory * GIB, cpus=cpus, used_memory=used * GIB, unfit="" if fit else "full"),
            segment,
        ),
        n=st.integers(0, 5),
        memory=st.integers(0, 6),
        cpus=st.integers(0, 2),
        used=st.integers(0, 12),
        fit=st.booleans(),
        segment=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda found: found[0].pk,
)


@given(
    hosts=HOSTS,
    where=st.lists(st.integers(1, 7), min_size=1, max_size=24),
    batch=st.sampled_from([1, 2, 5, "25%", "100%"]),
    cpus=st.sampled_from([0.5, 4.0]),
)
def test_no_host_gets_more_than_it_has_room_for_and_the_batches_hold(
    hosts: list[tuple[HostView, bool]], where: list[int], batch: int | str, cpus: float
) -> None:
    config, views = Config(cpus=cpus, memory=GIB), [host(1), *(h for h, _s in hosts)]
    known = {view.pk for view in views}
    standing = [instance(n, on=pk if pk in known else 1) for n, pk in enumerate(where, 1)]
    made = plan(
        standing,
        views,
        config=config,
        policy=Policy(batch=batch, skip_unfit=True),
        on_segment={1, *(h.pk for h, segment in hosts if segment)},
    )
    away = {one.number for one in standing if one.host == 1}
    assert sorted(entry.number for entry in made.entries) == sorted(away)
    going = [entry for entry in made.entries if not entry.problem]
    own = Counter(one.host for one in standing)
    for view in views:
        got = [entry for entry in going if entry.host == view.pk]
        if not got:
            continue
        assert view.pk != 1
        assert not view.unfit
        assert (view, True) in hosts
        total = own[view.pk] + len(got)
        assert not view.memory or view.used_memory + total * GIB <= view.memory * OVERCOMMIT_MEMORY
        assert not view.cpus or view.used_cpus + total * cpus <= view.cpus * OVERCOMMIT_CPUS
    assert all(entry.address == f"10.0.0.{entry.number}" for entry in made.entries)
    _never_more_than_a_batch_is_away(made)


def _never_more_than_a_batch_is_away(made: Plan) -> None:
    """The plan, carried out: so many steps are in work at a time, the first one alone, and all come to an end."""
    entries = [entry for entry in made.entries if not entry.problem]
    steps = {
        n: rollout.StepView(pk=n, host=entry.host, batch=entry.batch, position=n) for n, entry in enumerate(entries)
    }
    view = rollout.View("running", size=made.batch_size)
    most = 0
    for _turn in range(10 * len(steps) + 2):
        actions = rollout.decide(view, list(steps.values()), 0)
        if any(isinstance(action, rollout.Finish) for action in actions):
            break
        begun = [action.step for action in actions if isinstance(action, rollout.Run)]
        if not most and len(steps) > 1:
            assert len(begun) == 1
        most = max(most, len(begun))
        for n in begun:
            steps[n] = replace(steps[n], state="done", touched=True)
    assert all(step.state == "done" for step in steps.values())
    assert most <= made.batch_size


def test_data_moves_along_to_hosts_that_can_take_it() -> None:
    hosts = [host(1), host(2), host(3)]
    data = {"carried": "data (/data)", "keepers": frozenset({1, 3}), "shares": True}
    made = plan([instance(1)], hosts, **data)
    assert [(entry.host, entry.problem) for entry in made.entries] == [(3, "")]
    assert "its data moves along: data (/data)" in made.entries[0].note
    refused = plan([instance(1)], hosts, wish=Wish(2), **data)
    assert "its data cannot be copied there" in refused.entries[0].problem


def test_two_of_a_service_do_not_meet_where_their_volumes_have_one_name() -> None:
    data = {"carried": "data (/data)", "keepers": frozenset({1, 2, 3}), "shares": True}
    there = plan([instance(1), instance(2, on=2)], [host(1), host(2)], **data)
    assert "has its own data there" in there.entries[0].problem
    # What each has under a name of its own (/persist) goes there.
    own = plan([instance(1), instance(2, on=2)], [host(1), host(2)], **{**data, "shares": False})
    assert [(entry.host, entry.problem) for entry in own.entries] == [(2, "")]
    together = plan([instance(1)], [host(1), host(2)], shared_by=(4,), **data)
    assert "It shares its data with #4 on h1" in together.entries[0].problem


@given(st.integers(1, 4), st.integers(1, 4), st.sets(st.integers(1, 6)))
def test_no_plan_puts_two_volumes_of_one_name_on_a_host(movers: int, others: int, keepers: set[int]) -> None:
    hosts = [host(n) for n in range(1, 7)]
    instances = [
        *(instance(n) for n in range(1, movers + 1)),
        *(instance(10 + n, on=1 + n) for n in range(1, others + 1)),
    ]
    made = plan(instances, hosts, carried="data (/data)", keepers=frozenset(keepers), shares=True)
    taken = Counter(one.host for one in instances if one.host != 1)
    for entry in made.entries:
        if not entry.problem:
            assert entry.host in keepers
            taken[entry.host] += 1
    assert all(count == 1 for count in taken.values())
