"""Limits changed in running containers, read from the kernel's own files; and what the kernel does at the memory limit."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from containers.models import Container, Instance, InstanceEvent
from containers.services import new_limits
from containers.services import settings as places
from containers.services.planning import config_of
from containers.spec import limits_of
from hosts import engine as edge
from hosts import watch
from hosts.models import Host
from tests.faults.conftest import CONFIG, KINDS, Site, wait_for
from xqplatform.audit.models import Event

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
KINDS["hungry"] = {"command": ["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=9"], "healthcheck": False}
MIB = 1 << 20
# A file in memory, which counts as the container's own and cannot go elsewhere while there is no swap.
HOG = ("dd", "if=/dev/zero", "of=/dev/shm/hog", "bs=1M", "count=12")


def kernel_says(seen: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The version of the container's cgroup, and what its files of limits say."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{seen['State']['Pid']}/cgroup").read_text().splitlines()]
    root = Path("/sys/fs/cgroup")
    version = "1" if any("memory" in names.split(",") for _n, names, _path in lines) else "2"
    folders = [root / names / path.lstrip("/") for _n, names, path in lines if names or version == "2"]
    found: dict[str, str] = {}
    for folder in folders:
        for file in folder.glob("*"):
            if file.name.startswith(("memory.", "cpu.", "pids.", "io.", "blkio.")):
                with contextlib.suppress(OSError, UnicodeDecodeError):
                    found[file.name] = file.read_text().strip()
    return version, found


def check(site: Site) -> None:
    """Every container's kernel has the limits that are stored for it."""
    for seen in site.containers():
        row = Container.objects.select_related("config").get(engine_id=seen["Id"])
        version, files = kernel_says(seen)
        wanted = limits_of(config_of(row.config)).cgroup(version)
        # What a kernel was built without (swap accounting) has no file.
        there = {name: files[name] for name in wanted if name in files}
        assert there == {name: wanted[name] for name in there}
        assert {name.partition(".")[0] for name in there} >= {"memory", "cpu", "pids"}


def test_limits_are_changed_without_a_restart_and_a_refusal_keeps_the_old_ones(site: Site) -> None:
    site.release("v1")
    before = {one["Id"]: one["State"]["StartedAt"] for one in site.containers()}
    check(site)
    places.save_config(site.actor, site.place, {**CONFIG, "memory": "48m", "cpus": 0.5, "pids": 40})
    site.succeeds(new_limits.apply_limits(site.actor, site.place, policy={"batch": 3}))
    assert {one["Id"]: one["State"]["StartedAt"] for one in site.containers()} == before
    check(site)
    assert InstanceEvent.objects.filter(kind="limits", text__contains="memory: 32 MiB → 48 MiB").count() == 3
    # No limit of processes any more.
    places.save_config(site.actor, site.place, {**CONFIG, "memory": "48m", "cpus": 0.5})
    site.succeeds(new_limits.apply_limits(site.actor, site.place, policy={"batch": 3}))
    check(site)
    # One instance uses more than it shall have: its old limits stay, and the others come back to theirs.
    one = Instance.objects.select_related("host").get(number=2)
    current = one.current
    assert current is not None
    engine = edge.connect(one.host)
    code, said = engine.exec(current.engine_id, HOG, timeout=60)
    assert code == 0, said
    used = engine.memory_used(current.engine_id)
    assert used is not None
    assert used > 10 * MIB
    places.save_config(site.actor, site.place, {**CONFIG, "memory": "8m", "cpus": 0.5})
    row = site.advance(new_limits.apply_limits(site.actor, site.place, policy={"batch": 3}))
    assert row.state == "rolled_back", row.outcome
    assert "which is more than the new limit of 8.0 MiB" in row.outcome
    check(site)
    assert {one["HostConfig"]["Memory"] for one in site.containers()} == {48 * MIB}
    assert {one["Id"]: one["State"]["StartedAt"] for one in site.containers()} == before
    site.check(3, "v1")


def watched(site: Site) -> bool:
    watch.WATCH.start()
    return all(host.watcher == watch.me() for host in Host.objects.filter(pk__in=[one.pk for one in site.hosts]))


def test_a_kill_for_lack_of_memory_stands_on_its_instance(site: Site) -> None:
    site.release("v1")
    one = Instance.objects.select_related("host").get(number=1)
    current = one.current
    assert current is not None
    try:
        wait_for("the hosts are watched", lambda: watched(site))
        # A process of the container, not its first: the container goes on.
        hungry = ("dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=9")
        edge.connect(one.host).exec(current.engine_id, hungry, timeout=60)
        wait_for("its event is stored", lambda: InstanceEvent.objects.filter(instance=one, kind="oom").exists())
        assert Event.objects.filter(action="instance.oom", object_id=str(one.pk)).count() == 1
        # The program itself: the release goes back, and says why.
        places.save_config(site.actor, site.place, {**CONFIG, "restart_policy": "no"})
        row = site.advance(site.deploy("hungry", batch=1))
        assert row.state == "rolled_back", row.outcome
        assert "for lack of memory" in row.outcome
        bad = Container.objects.get(image__tag="hungry")
        assert (bad.oom_killed, bad.exit_code) == (True, 137)
        wait_for(
            "its event is stored", lambda: InstanceEvent.objects.filter(instance=bad.instance, kind="oom").exists()
        )
    finally:
        watch.WATCH.stop()
    site.check(3, "v1")
