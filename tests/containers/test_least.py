"""The least number of healthy instances that a plan promises is what its decisions keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from containers.config import Config
from containers.plan import HostView, InstanceView, Plan, Policy, make_plan
from containers.rollout import StepView, View
from containers.stored import side_of
from tests.containers.test_strategies import World

HOSTS = [HostView(n, f"h{n}") for n in (1, 2, 3)]


def plan_of(healthy: list[bool], wanted: int, **policy: Any) -> Plan:
    instances = [InstanceView(n, n, 1 + n % 3, f"10.0.0.{n}", healthy=one) for n, one in enumerate(healthy, 1)]
    return make_plan(
        kind="deploy",
        instances=instances,
        hosts=HOSTS,
        wanted=wanted,
        config=Config(),
        policy=Policy.parse(policy),
        segment="lan",
        free_addresses=100,
    )


def world_of(plan: Plan) -> World:
    """The release of the plan, as the verb saves it."""
    beside = plan.policy.strategy == "blue-green"
    steps = [
        StepView(n, e.host, e.batch, n, side=side_of(e.action) if beside else "") for n, e in enumerate(plan.entries)
    ]
    p = plan.policy
    view = View(
        "running",
        size=plan.batch_size,
        strategy=p.strategy,
        hold_after=plan.hold_after,
        hold=p.hold,
        switch_by=p.switch,
        keep=p.keep,
        keep_running=p.keep_running,
    )
    return World(view, {step.pk: step for step in steps})


def serving(world: World, plan: Plan, healthy: list[bool]) -> int:
    """How many are healthy; in blue/green of the side that has the traffic."""
    count = 0
    for step in world.steps.values():
        entry = plan.entries[step.pk]
        was = bool(entry.instance) and healthy[entry.number - 1]
        here = not step.side or step.side in world.traffic
        untouched = step.state == "waiting" and not step.touched
        now = {"add": step.state == "done", "remove": untouched and was}.get(
            entry.action, step.state == "done" or (untouched and was)
        )
        count += now and here
    return count


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    healthy=st.lists(st.booleans(), min_size=1, max_size=8),
    wanted=st.integers(0, 9),
    strategy=st.sampled_from(["rolling", "canary", "recreate", "blue-green"]),
    batch=st.sampled_from([1, 2, 3, "50%"]),
    canary=st.sampled_from([1, 2, "40%"]),
    keep=st.sampled_from([0, 60]),
    order=st.permutations(range(8)),
)
def test_no_batch_goes_below_what_the_plan_promised(
    healthy: list[bool], wanted: int, order: list[int], **policy: Any
) -> None:
    plan = plan_of(healthy, wanted, **policy)
    world = world_of(plan)
    assert plan.fits
    assert len(plan.least) == plan.batches
    for turn in range(60 + 6 * len(plan.entries)):
        world.turn()
        if world.end:
            break
        touched = [s.batch for s in world.steps.values() if s.touched]
        at = plan.batches - 1 if "new" in world.traffic else max(touched, default=0)
        if plan.entries:
            assert serving(world, plan, healthy) >= min(plan.least[at:] if not touched else [plan.least[at]])
        world.happen(True, order[turn % 8])
        world.now += 30
        world.proceed()
    assert world.end == ("succeeded" if plan.entries else world.end)


def test_a_rolling_release_of_six_two_at_a_time_promises_four() -> None:
    assert plan_of([True] * 6, 6, batch=2).least == (5, 4, 4, 5)


def test_what_is_sick_already_is_nothing_that_is_lost() -> None:
    plan = plan_of([True, False, True], 3, batch=1)
    assert [e.number for e in plan.entries] == [2, 1, 3]
    assert plan.least == (2, 2, 2)


def test_a_canary_of_three_begins_with_one() -> None:
    plan = plan_of([True] * 8, 8, strategy="canary", canary=3, batch=4)
    assert [e.batch for e in plan.entries] == [0, 1, 1, 2, 2, 2, 2, 3]
    assert plan.hold_after == 1


def test_recreate_promises_nothing_and_blue_green_everything() -> None:
    assert plan_of([True] * 4, 4, strategy="recreate").least == (0,)
    plan = plan_of([True] * 4, 3, strategy="blue-green")
    assert (plan.least, plan.hold_after) == ((4, 4, 3), 1)
    assert [(e.action, e.number) for e in plan.entries][:4] == [("add", 5), ("add", 6), ("add", 7), ("remove", 1)]


def test_both_sides_need_addresses() -> None:
    plan = plan_of([True] * 4, 4, strategy="blue-green")
    tight = make_plan(
        kind="deploy",
        instances=[InstanceView(1, 1, 1, "10.0.0.1")],
        hosts=HOSTS,
        wanted=1,
        config=Config(),
        policy=replace(plan.policy),
        segment="lan",
        free_addresses=0,
    )
    assert "1 more free address" in tight.refusal()
