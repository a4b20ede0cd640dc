"""Hosts on real engines: connected, read, lost, found again, listened to, plugged into one network."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from hosts import engine as edge
from hosts import hooks, labels, networks, observe, watch
from hosts.engine import ContainerSpec, Engine
from hosts.models import Host, SeenContainer, Segment
from hosts.services import machines, segments
from tests.engines.certs import Authority
from tests.engines.fleet import Fleet, FleetHost
from tests.engines.images import tiny_image
from tests.engines.machine import wait_for
from tests.hosts.test_pages import page  # noqa: F401
from tests.queue import Queue
from xqplatform.accounts.actor import Actor

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
ACTOR = Actor.system()
IMAGE = "hosts-test:1"


def data_of(host: FleetHost, **more: Any) -> dict[str, Any]:
    tls = {"ca": host.ca, "certificate": host.cert, "key": host.key}
    return {"name": host.name, "connection": "tcp", "address": f"{host.address}:2376", **tls, **more}


def connect(host: FleetHost) -> Host:
    """The host, registered and read once."""
    row = machines.create_host(ACTOR, data_of(host))

    def answers() -> bool:
        # A worker may be reading it already, and an engine on a busy machine may not answer at the first time.
        observe.refresh_host(row.pk)
        return Host.objects.filter(pk=row.pk, state__in=["ready", "degraded"]).exclude(seen=None).exists()

    wait_for("it is read", answers)
    row.refresh_from_db()
    return row


def run(engine: Engine, name: str, **spec: Any) -> str:
    tiny_image(engine.api, IMAGE, "hosts")
    made = engine.create(ContainerSpec(name, IMAGE, stop_timeout=0, **spec))
    engine.start(made)
    return made


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    watch.WATCH.stop()


def test_a_host_connected_by_page_is_read_by_the_worker(clean_fleet: Fleet, page: Client, enqueued: Queue) -> None:  # noqa: F811
    host = clean_fleet.hosts[0]
    answer = page.post("/hosts/new/", {**data_of(host), "role_run": "on", "build_slots": "2"})
    assert answer.status_code == 302
    assert "hosts.tasks.refresh" in enqueued.names
    row = Host.objects.get()
    observe.refresh_host(row.pk)
    row.refresh_from_db()
    assert row.state in {"ready", "degraded"}, row.state_reason
    assert row.data_root == str(host.data_root)
    assert row.live_restore
    assert row.cpus > 0
    assert row.memory > 0
    assert row.engine_version in page.get("/hosts/").content.decode()


def test_a_local_socket_tells_its_disk_too(clean_fleet: Fleet) -> None:
    host = clean_fleet.hosts[0]
    row = machines.create_host(ACTOR, {"name": "local", "connection": "local", "address": host.socket_url})
    observe.refresh_host(row.pk)
    row.refresh_from_db()
    assert row.state in {"ready", "degraded"}, row.state_reason
    assert row.disk_total
    assert row.disk_free


def test_the_test_says_what_is_wrong(clean_fleet: Fleet, page: Client) -> None:  # noqa: F811
    host = clean_fleet.hosts[0]
    other = Authority("another authority")

    def said(**changes: Any) -> str:
        return page.post("/hosts/new/", {**data_of(host), "test": "1", **changes}).context["diagnosis"]["sentence"]

    assert "Docker Engine" in said()
    assert "CA" in said(ca=other.cert)
    client = other.client()
    assert "client certificate" in said(certificate=client.cert, key=client.key)
    assert "refused" in said(address=f"{host.address}:2399")
    assert not Host.objects.exists()


def test_a_killed_engine_is_unreachable_since_when_and_why_and_comes_back(clean_fleet: Fleet) -> None:
    host = clean_fleet.hosts[0]
    row = connect(host)
    before = row.state
    host.kill()
    observe.refresh_host(row.pk)
    row.refresh_from_db()
    assert row.state == "unreachable"
    assert row.state_reason
    assert row.state_since is not None
    host.start()
    observe.refresh_host(row.pk)
    row.refresh_from_db()
    assert row.state == before
    assert list(row.changes.values_list("old", "new")) == [
        ("unreachable", before),
        (before, "unreachable"),
        ("new", before),
    ]


def test_a_frozen_engine_delays_no_other(clean_fleet: Fleet) -> None:
    frozen, other = (connect(host) for host in clean_fleet.hosts[:2])
    clean_fleet.hosts[0].freeze()

    def read(row: Host) -> str:
        try:
            observe.refresh_host(row.pk)
            return row.name
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(read, frozen)
        pool.submit(read, other).result()
        assert Host.objects.get(pk=other.pk).state != "unreachable"
        slow.result()
    clean_fleet.hosts[0].thaw()
    assert Host.objects.get(pk=frozen.pk).state == "unreachable"


def test_an_event_updates_the_row_and_calls_the_hooks(
    clean_fleet: Fleet, worker: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = connect(clean_fleet.hosts[0])
    heard: list[tuple[int, str, str]] = []

    def hear(host: int, changes: list[hooks.Change]) -> None:
        heard.extend((host, one.engine_id, action) for one in changes for action in one.actions)

    monkeypatch.setattr(hooks, "CONTAINER_HOOKS", [hear])
    wait_for("it is watched", lambda: watch.WATCH.start() or Host.objects.get(pk=row.pk).watcher == watch.me())
    engine = edge.connect(row)
    mine = {labels.PLATFORM: labels.installation(), labels.SERVICE: "snow"}
    made = run(engine, "snow-production-1", labels=mine)
    rows = SeenContainer.objects.filter(engine_id=made)
    wait_for("it is seen running", lambda: rows.filter(state="running", ours=True).exists())
    wait_for("its health is seen", lambda: rows.filter(health="healthy").exists())
    engine.kill(made)
    wait_for("it is seen ended", lambda: rows.filter(state="exited").exists())
    engine.remove(made, force=True)
    wait_for("it is gone", lambda: not rows.exists())
    wait_for("the hooks were called", lambda: {"start", "die", "destroy"} <= {a for _h, c, a in heard if c == made})


def test_a_broken_stream_is_taken_up_again(clean_fleet: Fleet, worker: Queue) -> None:
    host = clean_fleet.hosts[1]
    row = connect(host)
    wait_for("it is watched", lambda: watch.WATCH.start() or bool(Host.objects.get(pk=row.pk).watcher))
    host.kill()
    wait_for("it is unreachable", lambda: Host.objects.get(pk=row.pk).state == "unreachable")
    wait_for("nobody claims to watch it", lambda: Host.objects.get(pk=row.pk).watcher == "")
    host.start()

    def ready() -> bool:
        observe.refresh_host(row.pk)  # may be refused while the look after the break is still waiting for an answer
        return Host.objects.get(pk=row.pk).state in Host.ANSWERING

    wait_for("it is ready again", ready)
    wait_for("it is watched again", lambda: watch.WATCH.start() or bool(Host.objects.get(pk=row.pk).watcher))
    made = run(edge.connect(row), "after")
    wait_for("events are heard again", lambda: SeenContainer.objects.filter(engine_id=made, state="running").exists())


def test_foreign_containers_are_listed_and_left_alone(clean_fleet: Fleet) -> None:
    row = connect(clean_fleet.hosts[0])
    engine = edge.connect(row)
    made = run(engine, "foreign", labels={"xq.platform": "another"})
    observe.refresh_host(row.pk)
    seen = SeenContainer.objects.get(engine_id=made)
    assert (seen.name, seen.ours, seen.state) == ("foreign", False, "running")
    machines.retire(ACTOR, row)
    assert engine.inspect(made)["State"]["Running"]
    engine.remove(made, force=True)


def test_a_segment_is_made_on_three_hosts_by_many_at_once_and_differences_are_told(clean_fleet: Fleet) -> None:
    rows = [connect(host) for host in clean_fleet.hosts]
    wanted = clean_fleet.segment
    segment = segments.create_segment(
        ACTOR,
        {"slug": "joined", "cidr": wanted.cidr, "gateway": wanted.gateway, "bridge": wanted.bridge, "hosts": rows},
    )
    engines = [edge.connect(row) for row in rows]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda one: networks.ensure_network(one, segment), engines * 3)) == [[]] * 9
    for one in engines:
        assert [n["Name"] for n in one.list_networks()].count("xq-joined") == 1
        seen = one.inspect_network("xq-joined")
        assert networks.differences(seen, segment) == []
        assert seen["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    address = wanted.address(7)
    made = run(engines[0], "plugged", network="xq-joined", ip=address)
    observe.refresh_host(rows[0].pk)
    assert SeenContainer.objects.get(engine_id=made).ip == address
    other = Segment(slug="joined", cidr=wanted.cidr, gateway=wanted.gateway, bridge="br7")
    assert any("br0" in line and "br7" in line for line in networks.ensure_network(engines[0], other))
