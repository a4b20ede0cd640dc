"""Segments as networks of three real hosts: verified, put right, by macvlan, and why a recreated instance keeps its MAC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from hosts import engine as edge
from hosts import probe
from hosts.addresses import mac_of
from hosts.engine import ContainerSpec, Engine
from hosts.models import Host, Segment, SegmentNetwork
from hosts.services import networks, segments
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image
from tests.engines.machine import inside, run
from tests.faults.conftest import Site, wait_for
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
ACTOR = Actor.system("tester")
IMAGE = "networks-test:1"


def put(host: Host, name: str, segment: Segment, ip: str, mac: str = "") -> str:
    """A container that runs there with this address."""
    engine = edge.connect(host)
    tiny_image(engine.api, IMAGE, "networks", healthcheck=False)
    spec = ContainerSpec(name, IMAGE, stop_timeout=0, network=segment.network_name, ip=ip, mac=mac or mac_of(ip))
    made = engine.create(spec)
    engine.start(made)
    return made


def asked(segment: Segment, host: Host, what: str = "verify") -> SegmentNetwork:
    """A person asks, a worker does it."""
    networks.ask(ACTOR, segment, host, what)
    row = SegmentNetwork.objects.select_related("segment", "host").get(segment=segment, host=host)
    networks.verify(row)
    row.refresh_from_db()
    return row


def reaches(engine: Engine, container: str, ip: str) -> bool:
    return engine.exec(container, ("ping", "-c", "1", "-W", "1", ip))[0] == 0


def test_a_network_is_made_found_wrong_and_put_right(site: Site) -> None:
    segment, host = Segment.objects.get(), site.hosts[0]
    engine = edge.connect(host)
    networks.look(host)
    row = SegmentNetwork.objects.get(host=host)
    assert (row.state, row.interface) == ("missing", True)
    assert asked(segment, host).state == "ok"
    assert Event.objects.filter(action="network.made").count() == 1
    # Somebody makes it anew by hand, with masquerading and another MTU, and puts a container on it.
    engine.remove_network(segment.network_name)
    pool = {"Subnet": segment.cidr, "Gateway": segment.gateway}
    options = {
        "com.docker.network.bridge.name": "br0",
        "com.docker.network.bridge.inhibit_ipv4": "true",
        "com.docker.network.driver.mtu": "1400",
    }
    body = {"Name": segment.network_name, "Driver": "bridge", "IPAM": {"Config": [pool]}, "Options": options}
    engine.call("POST", "/networks/create", body=body)
    guest = put(host, "guest", segment, site.fleet.segment.address(90))
    networks.look(host)
    row.refresh_from_db()
    assert row.state == "differs"
    assert {one["what"] for one in row.differences} == {"enable_ip_masquerade", "mtu"}
    row = asked(segment, host, "remake")
    assert (row.state, row.asked) == ("differs", "")
    assert "guest (running) would lose it" in row.note
    assert engine.inspect(guest)["State"]["Running"]
    engine.remove(guest, force=True)
    row = asked(segment, host, "remake")
    assert (row.state, row.note) == ("ok", "")
    # A bridge that the host does not have: the engine would invent it.
    other = segments.create_segment(ACTOR, {"slug": "away", "cidr": "10.251.7.0/24", "bridge": "br77", "hosts": [host]})
    row = asked(other, host)
    assert row.state == "no_interface"
    assert "no bridge br77" in row.note
    assert "xq-away" not in [one["Name"] for one in engine.list_networks()]
    # A host that does not answer.
    site.fleet.hosts[0].kill()
    row = asked(segment, host)
    assert row.state == "unknown"
    assert row.note
    assert row.verified is not None


@pytest.fixture
def parents(clean_fleet: Fleet) -> Iterator[Fleet]:
    """Each host has a card `mv0`, plugged into its bridge, that a macvlan can stand on."""
    for host in clean_fleet.hosts[:2]:
        for command in (
            "ip link add mv0 type veth peer name mvp",
            "ip link set mvp master br0",
            "ip link set mvp up",
            "ip link set mv0 mtu 1400 up",
        ):
            run(*inside(host.namespace, *command.split()))
    yield clean_fleet
    for host in clean_fleet.hosts[:2]:
        run(*inside(host.namespace, "ip", "link", "delete", "mv0"), check=False)


def _has_vlans(fleet: Fleet) -> bool:
    """Whether this machine's kernel knows VLANs at all."""
    space = fleet.hosts[0].namespace
    run(
        *inside(space, "ip", "link", "add", "link", "mv0", "name", "mv0.4000", "type", "vlan", "id", "4000"),
        check=False,
    )
    there = "mv0.4000" in run(*inside(space, "ip", "-o", "link"))
    run(*inside(space, "ip", "link", "delete", "mv0.4000"), check=False)
    return there


def _macvlan(site: Site, **more: Any) -> Segment:
    data = {"slug": "mac", "cidr": "10.252.9.0/24", "gateway": "10.252.9.1", "driver": "macvlan", "bridge": "mv0"}
    made = segments.create_segment(ACTOR, {**data, "mtu": 1400, "hosts": site.hosts[:2], **more})
    assert [asked(made, host).state for host in site.hosts[:2]] == ["ok", "ok"]
    return made


def test_macvlan_joins_containers_of_two_hosts(site: Site, parents: Fleet) -> None:
    segment = _macvlan(site)
    first = put(site.hosts[0], "first", segment, "10.252.9.11")
    put(site.hosts[1], "second", segment, "10.252.9.12")
    engine = edge.connect(site.hosts[0])
    wait_for("they reach each other", lambda: reaches(engine, first, "10.252.9.12"))
    code, text = engine.exec(first, ("ip", "link", "show", "eth0"))
    assert code == 0
    assert "mtu 1400" in text
    assert mac_of("10.252.9.11") in text
    assert engine.inspect_network("xq-mac")["Options"]["parent"] == "mv0"
    # The probe goes out by the parent and hears the other host's container.
    assert probe.probe_all(engine, segment, ["10.252.9.12", "10.252.9.77"]) == {"10.252.9.12": mac_of("10.252.9.12")}


def test_macvlan_on_a_vlan(site: Site, parents: Fleet) -> None:
    if not _has_vlans(parents):
        # A kernel without 8021q: the engine refuses, which is said, and nothing is half made.
        data = {"slug": "mac", "cidr": "10.252.9.0/24", "driver": "macvlan", "bridge": "mv0", "vlan": 42}
        tagged = segments.create_segment(ACTOR, {**data, "hosts": site.hosts[:1]})
        row = asked(tagged, site.hosts[0])
        assert row.state == SegmentNetwork.State.UNKNOWN
        assert "mv0.42" in row.note
        return
    segment = _macvlan(site, vlan=42)
    first = put(site.hosts[0], "first", segment, "10.252.9.11")
    put(site.hosts[1], "second", segment, "10.252.9.12")
    engine = edge.connect(site.hosts[0])
    wait_for("they reach each other", lambda: reaches(engine, first, "10.252.9.12"))
    links = run(*inside(parents.hosts[0].namespace, "ip", "-d", "link", "show", "mv0.42"))
    assert "id 42" in links


@pytest.mark.timeout(400)  # ARP entries live long
def test_a_kept_mac_is_why_neighbours_go_on(site: Site) -> None:
    """A container is removed and made again with its address. With its MAC a neighbour on another host reaches it at once;
    with another one the neighbour asks the old card until its ARP entry has been given up.
    """
    segment = Segment.objects.get()
    for host in site.hosts[:2]:
        assert asked(segment, host).state == "ok"
    ip, near = site.fleet.segment.address(80), site.fleet.segment.address(81)
    neighbour, there = edge.connect(site.hosts[1]), edge.connect(site.hosts[0])
    watcher = put(site.hosts[1], "neighbour", segment, near)
    # Counts its failures until the first answer; one exec, so that nothing of ours is in the figure.
    until_answer = f"n=0; until ping -c 1 -W 1 {ip} >/dev/null 2>&1; do n=$((n+1)); done; echo $n"

    def entry() -> str:
        return neighbour.exec(watcher, ("ip", "neigh", "show", ip))[1]

    def gap(old: str, mac: str) -> tuple[str, float, int, str]:
        """Recreates it; its id, the seconds until the neighbour has an answer, its failures, the entry just after the start."""
        there.remove(old, force=True)
        made = put(site.hosts[0], "served", segment, ip, mac)
        began = time.monotonic()
        said = entry()
        failures = int(neighbour.exec(watcher, ("sh", "-c", until_answer), timeout=120)[1])
        return made, time.monotonic() - began, failures, said

    made = put(site.hosts[0], "served", segment, ip)
    wait_for("the neighbour knows it", lambda: reaches(neighbour, watcher, ip))
    made, same, failed_same, said_same = gap(made, mac_of(ip))
    assert mac_of(ip) in said_same
    assert reaches(neighbour, watcher, ip)
    other = "02:42:ee:ee:ee:ee"
    # As after a while without traffic: an entry in use is believed for up to 45 s more.
    pid = str(neighbour.inspect(watcher)["State"]["Pid"])
    stale = f"ip neigh replace {ip} lladdr {mac_of(ip)} dev eth0 nud stale"
    run("nsenter", f"--net=/proc/{pid}/ns/net", *stale.split())
    made, moved, failed_moved, said_moved = gap(made, other)
    print(f"\nthe same MAC: {same:.2f} s, {failed_same} failures; another: {moved:.2f} s, {failed_moved} failures")
    assert mac_of(ip) in said_moved, "the neighbour still had the old card"
    assert failed_moved > failed_same
    assert failed_moved >= 1
    assert same < moved
    assert other in entry()
    there.remove(made, force=True)
    neighbour.remove(watcher, force=True)
