"""Moves on real engines: a drain under traffic, a new host where it does not get well, a dead host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from containers.advancing import runner
from containers.models import Deployment, Instance
from containers.services import drains, moves, releases, steering
from containers.services.drains import advance
from containers.services.settings import save_config
from containers.steps import points
from hosts import observe
from hosts.models import Host
from tests.engines.fleet import FleetHost
from tests.faults.conftest import CONFIG, Site, wait_for

pytestmark = pytest.mark.engine


def machine_of(site: Site, host: Host) -> FleetHost:
    return next(one for one in site.fleet.hosts if one.name == host.name)


def places(site: Site) -> dict[str, dict[str, str]]:
    """Where each running container answers: {host: {name: «IP MAC»}}."""
    found: dict[str, dict[str, str]] = {}
    for one in site.fleet.hosts:
        with one.local_client() as client:
            rows = [row for row in client.containers() if "xq.helper" not in row["Labels"]]
            networks = [(row["Names"][0].strip("/"), row["NetworkSettings"]["Networks"]["xq-lan"]) for row in rows]
            found[one.name] = {name: f"{net['IPAddress']} {net['MacAddress']}" for name, net in networks}
    return found


def answers(site: Site, neighbour: Instance, ip: str) -> bool:
    """Whether the address answers HTTP, asked from inside an instance on another host."""
    machine = machine_of(site, neighbour.host)
    with machine.local_client() as client:
        asks = ["/bin/busybox", "timeout", "2", "/bin/wget", "-q", "-O", "-", f"http://{ip}/"]
        made = client.exec_create(neighbour.name, asks)
        client.exec_start(made["Id"])
        return client.exec_inspect(made["Id"])["ExitCode"] == 0


@contextmanager
def asked_all_the_time(site: Site, neighbour: Instance, ips: list[str]) -> Iterator[dict[str, list[bool]]]:
    """The neighbour asks the addresses all the while, so that its ARP table knows where they were."""
    found: dict[str, list[bool]] = {ip: [] for ip in ips}
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            for ip in ips:
                found[ip].append(answers(site, neighbour, ip))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        wait_for("the neighbour reaches them", lambda: all(any(seen) for seen in found.values()))
        yield found
    finally:
        stop.set()
        thread.join(30)


def drained(site: Site, row: Any) -> None:
    """Runs the drain's moves as workers and the beat do, until it ends."""

    def over() -> bool:
        advance(row.pk)
        for release in row.deployments.filter(state__in=Deployment.ACTIVE):
            runner.advance(release.pk)
        row.refresh_from_db()
        return row.state != "active" or bool(row.blocked)

    wait_for("the drain ends", over)


@pytest.mark.timeout(600)
def test_a_host_is_drained_while_its_instances_are_asked(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "containers.move_work")
    site.place.wanted = 4
    site.place.save()
    site.release("v1", batch=1)
    before = places(site)
    host = site.hosts[0]
    here = list(Instance.objects.filter(host=host).select_related("address"))
    neighbour = Instance.objects.select_related("host").filter(host=site.hosts[1])[0]
    ips = [one.address.ip for one in here if one.address]
    away: list[int] = []

    def count(point: str, step: int) -> None:
        if point == "after stop":
            rows = Deployment.objects.get(kind="move").steps
            away.append(rows.filter(state__in=["stopping", "starting", "creating"]).count())

    points.PROBE.append(count)
    with asked_all_the_time(site, neighbour, ips) as found:
        row = drains.drain(site.actor, host, "new disk")
        drained(site, row)
        assert row.state == "done", row.blocked
        for ip in ips:
            asked = len(found[ip])
            wait_for(f"{ip} answers its neighbour again", lambda ip=ip, asked=asked: any(found[ip][asked:]))
    points.PROBE.clear()
    assert "announce" not in caplog.text
    assert away
    assert max(away) == 1, "the service's own rule: one at a time"
    after = places(site)
    assert after[host.name] == {}
    assert {n: a for seen in after.values() for n, a in seen.items()} == {
        n: a for seen in before.values() for n, a in seen.items()
    }
    assert sorted(len(seen) for seen in after.values()) == [0, 2, 2]
    site.check(4, "v1")
    host.refresh_from_db()
    assert (host.cordoned, host.draining) == (True, False)


@pytest.mark.timeout(600)
def test_it_goes_back_when_it_does_not_get_well_there(site: Site) -> None:
    site.place.wanted = 2
    site.place.save()
    save_config(site.actor, site.place, {**CONFIG, "restart_policy": "always"})
    site.release("v1")
    one = Instance.objects.select_related("host").order_by("number")[0]
    before = places(site)
    bad = next(host for host in site.hosts if host.pk not in set(Instance.objects.values_list("host", flat=True)))
    seen: list[str] = []

    def sick(point: str, step: int) -> None:
        """Whoever starts it on the new host finds it killed: it does not get well there."""
        if point == "after start" and Instance.objects.get(pk=one.pk).host_id == bad.pk:
            seen.append(point)
            with machine_of(site, bad).local_client() as client:
                client.update_container(one.name, restart_policy={"Name": "no"})
                client.kill(one.name)

    points.PROBE.append(sick)
    row = site.advance(moves.move(site.actor, site.place, [one.number], bad))
    assert seen
    assert row.state in {"failed", "rolled_back"}, row.outcome
    points.PROBE.clear()
    assert places(site) == before
    site.check(2, "v1")

    def rolled_back_in_the_middle(point: str, step: int) -> None:
        if point == "end":
            points.PROBE.clear()
            steering.rollback(site.actor, row)

    points.PROBE.append(rolled_back_in_the_middle)
    row = moves.move(site.actor, site.place, [1, 2], bad)
    assert site.advance(row).state == "rolled_back", row.outcome
    assert places(site) == before
    site.check(2, "v1")
    assert {one["HostConfig"]["RestartPolicy"]["Name"] for one in site.containers()} == {"always"}


@pytest.mark.timeout(600)
def test_instances_of_a_dead_host_move_and_what_returns_with_it_is_removed(site: Site) -> None:
    site.release("v1")
    one = Instance.objects.select_related("host", "address").order_by("number")[0]
    old, machine = one.host, machine_of(site, one.host)
    machine.kill()  # its engine only: what runs there runs on
    try:
        wait_for(
            "it is seen as unreachable",
            lambda: observe.refresh_host(old.pk) and Host.objects.get(pk=old.pk).state == "unreachable",
        )
        row = site.advance(moves.move(site.actor, site.place, [one.number], fenced=True))
        assert row.state == "failed", row.outcome
        assert "still answers" in row.outcome
        one.refresh_from_db()
        assert one.host_id == old.pk
        machine.cut()
        row = site.advance(moves.move(site.actor, site.place, [one.number], fenced=True))
        assert row.state == "succeeded", (row.outcome, row.pulls)
        one.refresh_from_db()
        assert one.host_id != old.pk
    finally:
        machine.heal()
        machine.start()
    wait_for(
        "it is back",
        lambda: observe.refresh_host(old.pk) and Host.objects.get(pk=old.pk).state in {"ready", "degraded"},
    )
    wait_for(
        "nothing of it runs there twice",
        lambda: observe.refresh_host(old.pk) and one.name not in places(site)[old.name],
    )
    site.check(3, "v1")


@pytest.mark.timeout(600)
def test_a_new_host_that_dies_right_after_the_start_is_left_when_somebody_made_sure(site: Site) -> None:
    site.place.wanted = 2
    site.place.save()
    site.release("v1")
    one = Instance.objects.select_related("host", "address").order_by("number")[0]
    old, before = one.host, places(site)
    taken = set(Instance.objects.values_list("host", flat=True))
    new = next(host for host in site.hosts if host.pk not in taken)
    machine = machine_of(site, new)

    def dies(point: str, step: int) -> None:
        if point == "after start":
            points.PROBE.clear()
            machine.cut()

    points.PROBE.append(dies)
    try:
        row = site.advance(moves.move(site.actor, site.place, [one.number], new, policy={"deadline": 5}))
        step = row.steps.get()
        assert (row.state, step.state) == ("failed", "undo_fail"), row.outcome
        assert "is not known" in step.reason
        assert "Nobody answered" in step.reason
        one.refresh_from_db()
        assert one.host_id == new.pk
        # It runs there still, cut off: started here, the address would answer twice as soon as the cable is in again.
        assert one.name in places(site)[new.name]
        assert one.name not in places(site)[old.name]
        wait_for(
            "it is seen as unreachable",
            lambda: observe.refresh_host(new.pk) and Host.objects.get(pk=new.pk).state == "unreachable",
        )
        row = site.advance(moves.move(site.actor, site.place, [one.number], old, fenced=True))
        assert row.state == "succeeded", (row.outcome, row.pulls)
        assert places(site)[old.name] == before[old.name]
    finally:
        machine.heal()
    wait_for(
        "what it brought back is gone",
        lambda: observe.refresh_host(new.pk) and one.name not in places(site)[new.name],
    )
    site.check(2, "v1")


@pytest.mark.timeout(600)
def test_without_a_segment_it_starts_there_first_and_a_stopped_one_stays_stopped(bridgeless: Site) -> None:
    site = bridgeless
    site.place.wanted = 2
    site.place.save()
    site.release("v1")
    first, second = Instance.objects.select_related("host").order_by("number")
    target = next(host for host in site.hosts if host.pk not in {first.host_id, second.host_id})
    order: list[str] = []
    points.PROBE.append(lambda point, step: order.append(point))
    row = moves.move(site.actor, site.place, [1], target, policy={"order": "start-first"})
    site.succeeds(row)
    points.PROBE.clear()
    assert order.index("after start") < order.index("before stop")
    first.refresh_from_db()
    assert first.host_id == target.pk
    site.check(2, "v1")

    site.succeeds(releases.stop(site.actor, site.place, [2]))
    site.succeeds(moves.move(site.actor, site.place, [2], target))
    second.refresh_from_db()
    assert (second.host_id, second.state, second.wanted_state) == (target.pk, "stopped", "stopped")
    assert site.texts() == ["v1"]
    site.succeeds(releases.start(site.actor, site.place, [2]))
    site.check(2, "v1")
