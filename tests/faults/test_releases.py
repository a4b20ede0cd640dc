"""Releases on real engines, without faults: every verb once, and what it leaves."""

from __future__ import annotations

import pytest

from containers.converge import converge
from containers.models import Deployment, Instance
from containers.recorder import words
from containers.recorder.reading import calls_of
from containers.services import catalog, releases, steering
from containers.services.settings import save_config
from hosts.models import Address
from hosts.observe import refresh_host
from tests.faults.conftest import CONFIG, Site, wait_for
from xqplatform.errors import Refused

pytestmark = pytest.mark.engine


def test_a_release_keeps_addresses_and_leaves_nothing_behind(site: Site) -> None:
    site.place.wanted = 6
    site.place.save()
    site.release("v1")
    site.check(6, "v1")
    addresses = {one.number: one.address.ip for one in Instance.objects.all() if one.address}
    row = site.release("v2")
    site.check(6, "v2")
    assert {one.number: one.address.ip for one in Instance.objects.all() if one.address} == addresses
    assert row.outcome
    assert all(step.times["healthy"][1] for step in row.steps.all())
    for step in row.steps.all():
        calls = [one for group in calls_of(row) if group.step == step for one in group.entries]
        asked = {words.verb(one.method, one.path) for one in calls if not one.failed}
        assert asked >= {"create container", "stop container", "start container", "remove container"}


def test_settings_and_limits_reach_the_container(site: Site) -> None:
    site.place.wanted = 1
    site.place.save()
    save_config(
        site.actor,
        site.place,
        {
            **CONFIG,
            "env": {"COLOUR": "blue"},
            "secrets": {"KEY": "s3cret"},
            "read_only": True,
            "tmpfs": ["/tmp:size=1m"],
            "volumes": [{"source": "data", "target": "/data"}],
            "persist": True,
            "pids": 50,
            "health": {"kind": "http", "port": 80, "interval": 1, "start_period": 1, "timeout": 5},
        },
    )
    site.release("v1")
    (seen,) = site.containers()
    assert {"COLOUR=blue", "KEY=s3cret"} <= set(seen["Config"]["Env"])
    host = seen["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["CpuQuota"], host["PidsLimit"]) == (
        32 << 20,
        32 << 20,
        100_000,
        50,
    )
    assert host["ReadonlyRootfs"] is True
    assert {m["Name"] for m in seen["Mounts"]} >= {"xq-vol-snow.isolated.data", "xq-vol-snow-isolated-1.persist"}
    assert seen["Config"]["Healthcheck"]["Test"][0] == "CMD-SHELL"
    wait_for("the engine's own check succeeds", lambda: site.containers()[0]["State"]["Health"]["Status"] == "healthy")


def test_nobody_waits_for_an_engine_that_looks_once_an_hour(site: Site) -> None:
    site.release("rare")
    site.check(3, "rare")
    assert {seen["State"]["Health"]["Status"] for seen in site.containers()} == {"starting"}
    for host in site.hosts:
        refresh_host(host.pk)
    converge()
    assert set(Instance.objects.values_list("state", flat=True)) == {"healthy"}


def test_pause_resume_and_cancel(site: Site) -> None:
    site.release("v1")
    row = site.deploy("v2", batch=1, pause=60)
    steering.pause(site.actor, row)
    site.begin(row)
    wait_for("it is paused", lambda: Deployment.objects.filter(pk=row.pk, state="paused", asked="").exists())
    assert set(row.steps.values_list("state", flat=True)) == {"waiting"}
    steering.resume(site.actor, row)
    wait_for("one is done", lambda: row.steps.filter(state="done").exists())
    steering.cancel(site.actor, row)
    site.ended(row, "cancelled")
    states = list(row.steps.values_list("state", flat=True))
    assert set(states) == {"done", "skipped"}
    assert site.texts() == ["v1"] * states.count("skipped") + ["v2"] * states.count("done")
    site.place.refresh_from_db()
    assert site.place.current_image == site.image("v1")
    site.release("v2")
    site.check(3, "v2")


def test_a_forced_rollback_brings_everything_back(site: Site) -> None:
    site.release("v1")
    row = site.deploy("v2", batch=1, pause=60)
    site.begin(row)
    wait_for("one is done", lambda: row.steps.filter(state="done").exists())
    steering.rollback(site.actor, row)
    site.ended(row, "rolled_back")
    site.check(3, "v1")


def test_scaling_up_and_down(site: Site) -> None:
    site.place.wanted = 2
    site.place.save()
    site.release("v1")
    up = releases.scale(site.actor, site.place, 5)
    assert up is not None
    site.succeeds(up)
    site.check(5, "v1")
    down = releases.scale(site.actor, site.place, 1)
    assert down is not None
    site.succeeds(down)
    site.check(1, "v1")
    assert Address.objects.filter(state="quarantine").count() == 4


def test_restart_stop_and_start(site: Site) -> None:
    site.place.wanted = 2
    site.place.save()
    site.release("v1")
    before = {c["Name"]: c["State"]["StartedAt"] for c in site.containers()}
    site.succeeds(releases.restart(site.actor, site.place, [2]))
    after = {c["Name"]: c["State"]["StartedAt"] for c in site.containers()}
    assert {name for name in before if before[name] != after[name]} == {"/snow-isolated-2"}
    site.succeeds(releases.stop(site.actor, site.place, [1]))
    assert len(site.texts()) == 1
    assert Instance.objects.get(number=1).wanted_state == "stopped"
    site.succeeds(releases.start(site.actor, site.place, [1]))
    site.check(2, "v1")


def test_removing_a_service_gives_its_addresses_back(site: Site) -> None:
    site.release("v1")
    for row in catalog.remove_service(site.actor, site.service):
        site.succeeds(row)
    assert site.containers() == []
    assert not Address.objects.filter(state="held").exists()
    site.service.refresh_from_db()
    assert site.service.removed is not None


def test_two_deploys_at_once_are_one(site: Site) -> None:
    first = site.deploy("v1")
    site.begin(first)
    with pytest.raises(Refused, match="tester"):
        site.deploy("v2")
    site.ended(first, "succeeded")
    site.check(3, "v1")


def test_start_first_without_fixed_addresses(bridgeless: Site) -> None:
    bridgeless.release("v1")
    row = bridgeless.release("v2", order="start-first")
    for step in row.steps.all():
        assert step.times["healthy"][1] <= step.times["stop"][0]
    bridgeless.check(3, "v2")
