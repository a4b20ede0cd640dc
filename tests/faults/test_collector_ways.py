"""A host that is measured without a container: by a process over SSH, and by the engine itself where no collector can be."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from containers.models import Instance
from hosts import monitoring
from hosts.collector import fallback, image
from hosts.helper import NoHelper
from hosts.models import Host
from hosts.services import collectors
from tests.engines.machine import NETNS
from tests.engines.members import FleetHost
from tests.engines.space import GUEST
from tests.faults.collecting import Collecting, client_of, collecting, truth  # noqa: F401
from tests.faults.conftest import Site, wait_for
from xqplatform.accounts.actor import Actor

MIB = 1 << 20


def containers_of_collectors(site: Site, host: Host) -> list[str]:
    with client_of(site, host) as client:
        return [one["Id"] for one in client.containers(all=True) if one["Labels"].get("xq.helper") == "collector"]


def processes(machine: FleetHost) -> list[str]:
    """Awk programs on the host that are collectors over SSH."""
    found, own = [], (NETNS / machine.namespace).stat().st_ino
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words, there = entry.read_bytes(), (entry.parent / "ns/net").stat().st_ino
        except OSError:
            continue
        if there == own and b"# One block of lines a tick" in words and b"awk" in words[:40]:
            found.append(entry.parent.name)
    return found


def test_a_process_over_ssh_measures_without_a_container_and_without_a_right(
    site: Site,
    truth: Collecting,  # noqa: F811
) -> None:
    host, machine = site.hosts[0], site.fleet.hosts[0]
    truth.run(1, "burns", "sh", "-c", "while :; do :; done", cpu_quota=20_000, cpu_period=100_000)
    truth.begin(host)
    truth.sample_after("instance:1", time.time(), has="cpu.cores")
    assert len(containers_of_collectors(site, host)) == 1
    machine.ssh.access(host, user=GUEST)  # who may log in and nothing else
    collectors.switch(Actor.system("tests"), host, "ssh", "No containers of others here.")
    row = truth.place(host)
    assert (row.state, row.reason, row.container) == ("process", "", "")
    assert containers_of_collectors(site, host) == []
    first, values = truth.sample_after("instance:1", time.time() + 3, has="cpu.cores")
    assert values["cpu.cores"] == pytest.approx(0.2, rel=0.25)
    assert values["memory.limit"] == 64 * MIB
    _at, values = truth.sample_after(f"host:{host.pk}", first, has="collector.cpu")
    assert values["fs.size[/]"] > values["fs.used[/]"] > 0
    assert "net.rx_bytes[br0]" in values, "of the host's network"
    assert 0 < values["collector.memory"] < 20 * MIB
    row = truth.row(host)
    assert (row.trouble, row.lines_bad, row.containers, row.stored) == ("", 0, 1, 1)
    assert len(processes(machine)) == 1

    machine.ssh.stop()
    machine.ssh.drop()  # the connection breaks off, and nobody answers for a while
    wait_for("the trouble in the row", lambda: truth.row(host).trouble)
    wait_for("the end of the process there", lambda: not processes(machine))
    time.sleep(3)  # time itself is the matter: no process is left that could tick
    machine.ssh.start()
    back = time.time()
    truth.sample_after("instance:1", back, has="cpu.cores", seconds=90)
    assert truth.row(host).trouble == ""
    points = truth.points("instance:1", "cpu.cores", first)
    steps = [after.time - before.time for before, after in itertools.pairwise(points)]
    assert max(steps) > 3, "what nobody read is a gap"
    assert min(steps) > 0.4, "none twice"
    assert all(0 <= point.avg < 0.3 for point in points)
    assert len(processes(machine)) == 1
    assert containers_of_collectors(site, host) == []

    collectors.switch(Actor.system("tests"), host, "container")
    assert truth.place(host).state == "placed"
    wait_for("the end of the process there", lambda: not processes(machine))
    truth.sample_after("instance:1", time.time() + 2, has="cpu.cores")


def test_without_a_collector_the_engine_is_asked_and_the_row_says_so(
    site: Site,
    collecting: Collecting,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(engine: Any) -> str:
        raise NoHelper("No collector can be built here.")

    monkeypatch.setattr(image, "ensure", refused)
    monkeypatch.setattr(fallback, "EVERY", 3.0)
    site.release("v1")
    host = site.hosts[0]
    instance = Instance.objects.get(host=host, removed=None)
    began = time.time()
    collecting.begin(host)
    row = collecting.row(host)
    assert (row.state, row.reason, row.container) == ("fallback", "No collector can be built here.", "")
    assert containers_of_collectors(site, host) == []
    _at, values = collecting.sample_after(f"instance:{instance.pk}", began, has="cpu.cores")
    assert values["memory.limit"] == 32 * MIB
    assert 0 < values["memory.working_set"] < 5 * MIB
    assert 0 <= values["cpu.cores"] < 0.5
    assert values["processes"] >= 1
    assert "net.rx_bytes" in values
    row = collecting.row(host)
    assert (row.trouble, row.containers, row.stored, row.every) == ("", 1, 1, 3.0)
    [health] = [one for one in monitoring.health() if one.host == host]
    assert "the engine is asked instead: No collector can be built here." in health.words
    monkeypatch.undo()  # what hindered it is gone
    assert collecting.place(host).state == "placed"
    collecting.sample_after(f"instance:{instance.pk}", time.time() + 2, has="cpu.cores")
