"""Limits that a running container takes: which they are, how they are asked for, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers import happenings, live_limits
from containers.config import Config, difference, parse
from containers.config_fields import MIB
from containers.finish import finish
from containers.models import Container, Deployment, Instance, InstanceEvent
from containers.services import new_limits, releases
from containers.services import settings as places
from containers.spec import limits_of
from hosts.engine import Limits
from hosts.hooks import Change
from tests.containers.conftest import World
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

configs = st.builds(
    Config,
    cpus=st.sampled_from([0.5, 1.0, 2.0]),
    memory=st.sampled_from([32 * MIB, 64 * MIB]),
    pids=st.sampled_from([0, 50]),
    io_weight=st.sampled_from([0, 100, 500]),
    io_device=st.sampled_from(["", "/dev/sda"]),
    io_read_bps=st.sampled_from([0, MIB]),
    read_only=st.booleans(),
    env=st.sampled_from([{}, {"A": "1"}]),
)


@given(configs, configs)
def test_every_difference_is_judged_and_what_is_live_makes_the_new_settings(old: Config, new: Config) -> None:
    found = live_limits.changes(old, new)
    assert [(one.setting, one.before, one.after) for one in found] == difference(old, new)
    assert all(one.live == (not one.why) for one in found)
    assert {one.setting for one in found if one.live} <= set(live_limits.LIVE)
    half = live_limits.applied(old, new, found)
    assert {one.setting for one in live_limits.changes(half, new)} == {one.setting for one in found if not one.live}
    assert (live_limits.refusal(found) == "") == (half == new)
    # What is not a limit never changes in a running container.
    limits = {*live_limits.LIVE, *live_limits.RATES}
    assert all(getattr(half, f.name) == getattr(old, f.name) for f in fields(Config) if f.name not in limits)


def test_what_an_old_engine_cannot_change_is_said() -> None:
    old, new = Config(), replace(Config(), pids=10)
    assert live_limits.refusal(live_limits.changes(old, new, "1.41")) == ""
    assert "needs API 1.40, the engine has 1.38" in live_limits.refusal(live_limits.changes(old, new, "1.38"))


def test_a_limit_under_what_is_in_use_is_refused_before_the_kernel_kills() -> None:
    wanted = replace(Config(), memory=32 * MIB)
    assert live_limits.too_small(wanted, 32 * MIB) == ""
    assert live_limits.too_small(wanted, None) == ""
    assert "It uses 40.0 MiB now" in live_limits.too_small(wanted, 40 * MIB)


def test_limits_as_the_engine_and_the_cgroups_have_them() -> None:
    limits = limits_of(replace(Config(), cpus=1.5, memory=64 * MIB, pids=50, io_weight=100))
    assert limits.body() == {
        "CpuPeriod": 100_000, "CpuQuota": 150_000, "Memory": 64 * MIB, "MemorySwap": 64 * MIB, "PidsLimit": 50,
        "BlkioWeight": 100,
    }  # fmt: skip
    assert limits.cgroup("1") == {
        "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000", "memory.limit_in_bytes": str(64 * MIB),
        "memory.memsw.limit_in_bytes": str(64 * MIB), "pids.max": "50", "blkio.weight": "100",
    }  # fmt: skip
    assert limits.cgroup("2") == {
        "cpu.max": "150000 100000", "memory.max": str(64 * MIB), "memory.swap.max": "0", "pids.max": "50",
        "io.weight": "default 910",
    }  # fmt: skip
    ends = [Limits(io_weight=weight).cgroup("2")["io.weight"] for weight in (10, 1000)]
    assert ends == ["default 1", "default 10000"]
    # No limit any more must be said, since what is left out stays.
    assert Limits.of(1, 64 * MIB).update_body()["PidsLimit"] == -1


def test_rates_of_a_disk_go_into_a_new_container_only() -> None:
    limits = limits_of(parse({"io_device": "/dev/sda", "io_read_bps": "10m", "io_write_iops": 200}))
    assert limits.body()["BlkioDeviceReadBps"] == [{"Path": "/dev/sda", "Rate": 10 * MIB}]
    assert limits.body()["BlkioDeviceWriteIOps"] == [{"Path": "/dev/sda", "Rate": 200}]
    assert not [key for key in limits.update_body() if key.startswith("BlkioDevice")]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"io_weight": 5}, "io_weight"),
        ({"io_weight": 1001}, "io_weight"),
        ({"io_read_bps": "10m"}, "io_device"),
        ({"io_device": "sda"}, "io_device"),
        ({"io_device": "/dev/../etc"}, "io_device"),
        ({"io_device": "/dev/sda", "io_write_bps": "1"}, "io_write_bps"),
        ({"io_device": "/dev/sda", "io_read_iops": -1}, "io_read_iops"),
    ],
)
def test_nonsense_limits_are_refused_at_their_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(data)
    assert refused.value.field == field


# --- The verb -----------------------------------------------------------------------------------------------------


@pytest.fixture
def running(world: World) -> World:
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    world.place.refresh_from_db()
    return world


def save(world: World, **more: Any) -> None:
    places.save_config(world.actor, world.place, {"memory": "64m", "cpus": 1, **more})


def test_new_limits_are_a_change_of_their_own_with_its_event(running: World) -> None:
    save(running, cpus=2, pids=50)
    row = new_limits.apply_limits(running.actor, running.place, reason="the market opens")
    assert (row.kind, row.config, row.image) == ("limits", running.place.config, running.v1)
    assert {(step.action, step.image) for step in row.steps.all()} == {("limits", running.v1)}
    event = Event.objects.get(action="service.limits")
    assert (event.reason, event.object_id) == ("the market opens", str(running.place.pk))
    row.steps.update(state="done")
    assert finish(row.pk, "succeeded")
    running.place.refresh_from_db()
    assert running.place.current_config == running.place.config
    assert new_limits.live_changes(running.place) == []
    row.refresh_from_db()
    assert "none was restarted" in row.outcome


def test_more_than_limits_needs_a_release(running: World) -> None:
    save(running, cpus=2, env={"A": "1"})
    with pytest.raises(Refused, match=r"needs new containers, by a release: env\.A"):
        new_limits.apply_limits(running.actor, running.place)
    assert not Deployment.objects.filter(kind="limits").exists()


def test_a_changed_secret_does_not_come_along_with_limits(running: World) -> None:
    save(running, cpus=2, secret_names=["KEY"], secrets={"KEY": "one"})
    running.place.refresh_from_db()
    running.place.current_config = running.place.config
    running.place.save()
    save(running, cpus=1, secret_names=["KEY"], secrets={"KEY": "two"})
    with pytest.raises(Refused, match="A secret was changed"):
        new_limits.apply_limits(running.actor, running.place)
    assert not Deployment.objects.filter(kind="limits").exists()


def test_nothing_new_is_said(running: World) -> None:
    with pytest.raises(Refused, match="in use already"):
        new_limits.apply_limits(running.actor, running.place)


def test_an_instance_of_other_settings_is_named(running: World) -> None:
    one = Container.objects.order_by("instance__number")[0]
    save(running, env={"A": "1"})
    Container.objects.filter(pk=one.pk).update(config=running.place.config)
    save(running, cpus=2)
    with pytest.raises(Refused, match=r"#1 \(h\d\): This needs new containers.*env\.A"):
        new_limits.apply_limits(running.actor, running.place)
    row = new_limits.apply_limits(running.actor, running.place, policy={"skip_unfit": True})
    assert [step.instance.number for step in row.steps.all()] == [2, 3]


def test_a_container_that_is_gone_takes_no_limits(running: World) -> None:
    Container.objects.filter(instance__number=2).update(ended="2026-01-01T00:00:00Z")
    save(running, cpus=2)
    with pytest.raises(Refused, match="no container"):
        new_limits.apply_limits(running.actor, running.place)


# --- Kills for lack of memory -------------------------------------------------------------------------------------


def test_a_kill_stands_on_the_instance_and_in_the_log_once(running: World) -> None:
    from containers import converge

    one = Instance.objects.order_by("number")[0]
    current = one.current
    assert current is not None
    for _again in range(3):
        converge.containers_changed(one.host_id, [Change(current.engine_id, {"oom": {}, "die": {"exitCode": "137"}})])
    row = InstanceEvent.objects.get()
    assert (row.instance, row.kind, row.count, row.container) == (one, "oom", 3, current)
    assert "64.0 MiB" in row.text
    assert "137" in row.text
    assert Event.objects.filter(action="instance.oom").count() == 1
    current.refresh_from_db()
    assert (current.oom_killed, current.exit_code) == (True, 137)
    assert happenings.recent_ooms([one.pk]) == {one.pk: row}
    # An inspection that shows the same later tells nothing new.
    happenings.noticed_oom(current.engine_id, {"OOMKilled": True, "ExitCode": 137})
    row.refresh_from_db()
    assert row.count == 3
