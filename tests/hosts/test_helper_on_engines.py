"""Helpers on real engines: the disk from afar, answers on the wire, and nothing left behind."""

from __future__ import annotations

import contextlib
import time

import pytest
from django.test import Client

from hosts import disk, helper, labels, networks, observe, probe
from hosts import engine as edge
from hosts.addresses import mac_of
from hosts.engine import ContainerSpec, EngineError
from hosts.models import SeenContainer, Segment
from hosts.services import addresses, segments
from tests.engines.fleet import Fleet
from tests.engines.machine import wait_for
from tests.hosts.test_on_engines import ACTOR, connect, run
from tests.hosts.test_pages import page  # noqa: F401
from xqplatform.audit.models import Event

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]


def plugged(fleet: Fleet, *numbers: int) -> Segment:
    """The fleet's segment with these hosts, read, and its network on each."""
    rows = [connect(fleet.hosts[number]) for number in numbers]
    wanted = fleet.segment
    values = {"slug": "joined", "cidr": wanted.cidr, "gateway": wanted.gateway, "bridge": wanted.bridge, "hosts": rows}
    segment = segments.create_segment(ACTOR, values)
    for row in rows:
        networks.ensure_network(edge.connect(row), segment)
    return segment


def test_a_distant_hosts_disk_is_measured_by_a_helper_that_leaves_nothing(
    clean_fleet: Fleet,
    page: Client,  # noqa: F811
) -> None:
    row = connect(clean_fleet.hosts[0])
    assert row.disk_total is None
    assert disk.measure(row.pk)
    row.refresh_from_db()
    assert row.disk_note == ""
    assert row.disk_total
    assert 0 < (row.disk_free or 0) <= row.disk_total
    with contextlib.closing(clean_fleet.hosts[0].local_client()) as client:
        assert client.containers(all=True) == []
    assert "inodes" in page.get("/hosts/h1/").content.decode() or not row.inodes_total
    observe.refresh_host(row.pk)
    assert not SeenContainer.objects.exists()


def test_what_a_killed_worker_left_is_swept_and_never_listed(clean_fleet: Fleet) -> None:
    row = connect(clean_fleet.hosts[0])
    engine = edge.connect(row)
    image = helper.ensure_image(engine)
    for name, until in (("left", time.time() - 1), ("young", time.time() + 900)):
        mine = {labels.PLATFORM: labels.installation(), labels.HELPER: str(int(until))}
        engine.start(engine.create(ContainerSpec(name, image, command=("sleep", "900"), labels=mine)))

    def names() -> list[list[str]]:
        observe.refresh_host(row.pk)
        return [one["Names"] for one in engine.list_containers()]

    wait_for("the old one is swept", lambda: names() == [["/young"]])
    assert not SeenContainer.objects.exists()


def test_a_command_that_hangs_is_ended_and_removed(clean_fleet: Fleet) -> None:
    engine = edge.connect(connect(clean_fleet.hosts[0]))
    with pytest.raises(EngineError) as caught:
        helper.run(engine, ("sleep", "600"), timeout=3)
    assert caught.value.kind == "timeout"
    assert engine.list_containers() == []


def test_a_stranger_on_another_host_answers_and_is_shown_as_duplicate(clean_fleet: Fleet) -> None:
    segment = plugged(clean_fleet, 0, 1)
    taken, free = clean_fleet.segment.address(20), clean_fleet.segment.address(21)
    first, second = (edge.connect(host) for host in segment.hosts.order_by("name"))
    mac = "02:00:5e:10:20:30"
    made = run(second, "stranger", network=segment.network_name, ip=taken, mac=mac)
    assert probe.probe_all(first, segment, [taken, free]) == {taken: mac}
    with pytest.raises(helper.NoHelper):
        probe.probe(first, Segment(slug="x", cidr=segment.cidr, bridge="br77"), free)
    assert first.list_containers() == []
    # Now it is given all the same: seen later, on the next inventory.
    address = addresses.allocate(segment, "snow/isolated/1", chosen=taken)
    assert address.mac == mac_of(taken)

    def conflict() -> str:
        for host in segment.hosts.all():
            observe.refresh_host(host.pk)
        address.refresh_from_db()
        return address.conflict

    wait_for("it is seen", lambda: "stranger on h2" in conflict())
    assert Event.objects.filter(action="address.conflict").count() == 1
    second.remove(made, force=True)
    wait_for("it is cleared", lambda: not conflict())
