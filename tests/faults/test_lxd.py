"""A stateful service on a real LXD server, beside stateless ones on real Docker Engines, on one segment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from builds.models import Image, Project
from containers.models import Container, Deployment, Instance, Service, ServiceEnvironment
from containers.services import contract, new_limits, releases
from containers.services import settings as places
from containers.steps import points
from hosts import observe
from hosts.engine import connect, forget
from hosts.models import Ear, Host, KeptHealth, SeenContainer, Segment
from hosts.services import machines
from hosts.watch import WATCH
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image
from tests.engines.lxd import LxdServer
from tests.engines.stateful import PONG, valkey_image
from tests.faults.collecting import Collecting
from tests.faults.conftest import Site, wait_for
from tests.faults.test_kills import ALL, BACK
from tests.faults.workers import Workers
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

INIT = r"""RUN /bin/busybox mkdir -p /sbin && /bin/busybox ln -s /bin/busybox /sbin/init && /bin/busybox --install -s /bin || true; \
 /bin/busybox printf '::sysinit:/bin/busybox hostname -F /etc/hostname\n::respawn:/bin/busybox httpd -f -p 80 -h /www\n::ctrlaltdel:/bin/busybox poweroff\n' > /etc/inittab"""
CONFIG: dict[str, Any] = {
    "memory": "64m", "cpus": 1, "stop_timeout": 5, "command": [],
    "volumes": [{"source": "data", "target": "/data", "read_only": False}],
}  # fmt: skip


@dataclass
class House:
    """Two Docker hosts and one LXD server, and a stateful service."""

    site: Site
    server: LxdServer
    host: Host
    place: ServiceEnvironment

    def image(self, name: str) -> Image:
        """A Docker image with an init, in the platform's registry."""
        site = self.site
        tag = f"{site.registry.address}/store:{name}"
        with contextlib.closing(site.fleet.hosts[0].client()) as client:
            image_id = tiny_image(client, tag, text=name, extra=INIT, interval=1)
        return self._pushed(name, tag, image_id)

    def store(self, name: str, health: str = PONG) -> Image:
        """A system image with a real Valkey (Redis) that keeps its data in /data, each write on the disk before it is answered."""
        tag = f"{self.site.registry.address}/store:{name}"
        with contextlib.closing(self.site.fleet.hosts[0].client()) as client:
            image_id = valkey_image(client, tag, name, health)
        return self._pushed(name, tag, image_id)

    def _pushed(self, name: str, tag: str, image_id: str) -> Image:
        with contextlib.closing(self.site.fleet.hosts[0].client()) as client:
            for line in client.push(tag, stream=True, decode=True):
                assert "error" not in line, line
            digest = client.inspect_image(tag)["RepoDigests"][0].partition("@")[2]
        return Image.objects.create(
            project=Project.objects.get(name="store"), registry=self.site.registry, repository="store", tag=name,
            digest=digest, image_id=image_id,
        )  # fmt: skip

    def deploy(self, image: Image, **policy: Any) -> Deployment:
        policy = {"deadline": 90, **policy}
        return releases.deploy(self.site.actor, self.place, image, policy=policy, reason=f"to {image.tag}")

    @property
    def instance(self) -> Instance:
        return Instance.objects.select_related("host", "address").get(place=self.place, removed=None)

    def run(self, command: str) -> str:
        code, said = connect(self.host).exec(
            Container.objects.get(instance=self.instance, ended=None).engine_id, ["sh", "-c", command]
        )
        assert code == 0, said
        return said


@pytest.fixture
def house(site: Site) -> Iterator[House]:
    server = site.fleet.lxd()[0]
    type(site.registry).objects.update(ca=site.fleet.registry.ca)
    Host.objects.filter(name=site.fleet.hosts[2].name).delete()
    host = machines.create_host(
        site.actor,
        {"name": "store-1", "runtime": "lxd", "connection": "tcp", "address": server.endpoint, "trust": server.token()},
    )
    assert observe.refresh_host(host.pk)
    host.refresh_from_db()
    assert site.environment.segment is not None
    site.environment.segment.hosts.add(host)
    project = Project.objects.create(name="store")
    service = Service.objects.create(slug="store", project=project, kind="stateful")
    place = service.places.create(environment=site.environment, wanted=1)
    places.save_config(site.actor, place, CONFIG)
    return House(site, server, host, place)


def test_a_server_joins_and_is_read(clean_fleet: Fleet, db: None) -> None:
    actor, server = Actor.system("tester"), clean_fleet.lxd()[0]
    data = {"name": "store-1", "runtime": "lxd", "connection": "tcp", "address": server.endpoint}
    found = machines.test_connection(actor, data)
    fingerprint = server.query("/1.0")["environment"]["certificate_fingerprint"]
    assert found.ok
    assert fingerprint in found.sentence
    for trust, more, field in (
        ("", {}, "trust"),
        ("let me in", {}, "fingerprint"),
        ("let me in", {"fingerprint": "00" * 32}, "fingerprint"),
        ("wrong", {"fingerprint": fingerprint}, "trust"),
    ):
        with pytest.raises(Refused) as refused:
            machines.create_host(actor, {**data, "trust": trust, **more})
        assert refused.value.field == field, refused.value.message
    assert not Host.objects.exists()

    host = machines.create_host(actor, {**data, "trust": "let me in", "fingerprint": f"sha256:{fingerprint.upper()}"})
    server.image("tiny")
    server.lxc("init", "tiny", "elsewhere")
    assert observe.refresh_host(host.pk)
    host.refresh_from_db()
    assert (host.state, host.state_reason) == ("ready", "")
    assert (host.engine_id, host.cpus > 0, host.memory > 1 << 28) == (fingerprint, True, True)
    assert host.disk_total
    assert host.disk_free
    assert 0 < host.disk_free < host.disk_total
    seen = SeenContainer.objects.get(host=host)
    assert (seen.name, seen.ours, seen.state) == ("elsewhere", False, "created")
    assert machines.test_connection(actor, {}, host).ok
    assert connect(host).info()["ServerVersion"] == host.engine_version

    server.stop()
    observe.refresh_host(host.pk)
    host.refresh_from_db()
    assert host.state == "unreachable"
    server.start()


def test_a_release_keeps_the_data(house: House) -> None:
    site = house.site
    first, second = house.image("one"), house.image("two")
    site.succeeds(house.deploy(first))
    instance = house.instance
    assert instance.host == house.host
    assert instance.address is not None
    ip = instance.address.ip
    assert house.run("cat /www/index.html; hostname").split() == ["one", "store-isolated-1"]
    with ThreadPoolExecutor(6) as pool:  # over TLS, whose session tickets arrive beside the first words
        assert [one.strip() for one in pool.map(lambda n: house.run(f"echo {n}"), range(60))] == list(
            map(str, range(60))
        )
    house.run("echo 'row 1' > /data/rows; sync")
    engine_id = Container.objects.get(instance=instance, ended=None).engine_id

    def health() -> str:
        return str(connect(house.host).inspect(engine_id)["State"]["Health"]["Status"])

    wait_for("its health is kept", lambda: health() == "healthy" and KeptHealth.objects.filter(identity=engine_id))
    forget(house.host)  # as a process that has just begun
    listed = connect(house.host).list_containers()
    assert ["(healthy)" in one["Status"] for one in listed if one["Id"] == engine_id] == [True]

    # What its contract promises is seen inside, and a resolver that somebody changed is written again.
    segment = Segment.objects.get()
    Segment.objects.update(dns=["10.9.9.9"], search=["snow.example"])
    house.run("echo 'nameserver 10.1.1.1' > /etc/resolv.conf")
    running = Container.objects.get(instance=instance, ended=None)
    assert contract.verify_host(house.host.pk, [running.pk]) == 1
    running.refresh_from_db()
    items = {one["name"]: one for one in running.contract["items"]}
    assert running.contract_ok is True, items
    assert (items["address"]["observed"], items["gateway"]["observed"]) == (ip, segment.gateway)
    assert items["mac"]["observed"] == instance.address.mac
    assert house.run("cat /etc/resolv.conf").split() == ["nameserver", "10.9.9.9", "search", "snow.example"]

    volumes = connect(house.host).volumes
    assert volumes is not None
    (volume,) = volumes.of(engine_id)
    house.run("dd if=/dev/zero of=/data/large bs=1M count=3; sync")
    assert (volumes.measured(engine_id, volume) or 0) >> 20 == 3
    house.run("rm /data/large")

    # A stateless service stays on Docker, and the two reach each other by their fixed addresses.
    site.release("v1")
    others = Instance.objects.filter(place=site.place, removed=None).select_related("host", "address")
    assert {one.host.runtime for one in others} == {"docker"}
    neighbour = others[0]
    assert neighbour.address is not None
    container = Container.objects.get(instance=neighbour, ended=None)
    code, said = connect(neighbour.host).exec(container.engine_id, ["wget", "-q", "-O", "-", f"http://{ip}/"])
    assert (code, said.strip()) == (0, "one")
    assert house.run(f"wget -q -O - http://{neighbour.address.ip}/").strip() == "v1"

    site.succeeds(house.deploy(second))
    again = house.instance
    assert (again.pk, again.address) == (instance.pk, instance.address)
    assert house.run("cat /www/index.html /data/rows").split("\n")[:2] == ["two", "row 1"]
    names = [one.rpartition("/")[2] for one in house.server.query("/1.0/instances")]
    assert names == ["store-isolated-1"]

    # Limits change while it runs.
    container = Container.objects.get(instance=again, ended=None)
    began = connect(house.host).inspect(container.engine_id)["State"]["StartedAt"]
    places.save_config(site.actor, house.place, CONFIG | {"memory": "96m", "cpus": 0.5})
    site.succeeds(new_limits.apply_limits(site.actor, house.place))
    seen = connect(house.host).inspect(container.engine_id)
    assert (seen["State"]["StartedAt"], seen["HostConfig"]["Memory"]) == (began, 96 << 20)
    limit = Path(f"/sys/fs/cgroup/memory/{house.server.namespace}/lxc.payload.store-isolated-1/memory.limit_in_bytes")
    if Path("/sys/fs/cgroup/memory").is_dir():  # cgroups of version 1
        assert int(limit.read_text()) == 96 << 20

    back = releases.deploy(site.actor, house.place, first, policy={"deadline": 90}, reason="back")
    site.succeeds(back)
    assert house.run("cat /www/index.html /data/rows").split("\n")[:2] == ["one", "row 1"]


def test_start_first_stops_nothing_before_the_new_one_is_well(house: House) -> None:
    """A running instance keeps the name that it was made with: the next one is made under the other of the two names."""
    type(house.site.environment).objects.update(segment=None)
    house.place = ServiceEnvironment.objects.get(pk=house.place.pk)
    places.save_config(house.site.actor, house.place, {**CONFIG, "volumes": [], "health": {"kind": "none"}})
    running: list[list[str]] = []

    def look(name: str, _step: int) -> None:
        if name == "before stop":
            found = house.server.query("/1.0/instances?recursion=1")
            running.append(sorted(one["name"] for one in found if one["status"] == "Running"))

    house.site.succeeds(house.deploy(house.image("one")))
    points.PROBE.append(look)
    for name in ("two", "three", "four"):
        house.site.succeeds(house.deploy(house.image(name), order="start-first"))
        assert house.run("cat /www/index.html").strip() == name
    points.PROBE.clear()
    assert running == [["store-isolated-1", "store-isolated-1-next"]] * 3
    assert len(house.server.query("/1.0/instances")) == 1


def test_killed_workers_lose_no_row_of_a_database(house: House, workers: Workers) -> None:
    """`kill -9` at every stage of a release and of its way back: the next worker ends it, and every write that was answered is there."""
    Segment.objects.update(probe=False)
    first, second, sick = house.store("one"), house.store("two"), house.store("sick", "false")
    house.site.succeeds(house.deploy(first))
    address = house.instance.address
    assert address is not None
    written: dict[str, str] = {}

    def database() -> redis.Redis:
        return redis.Redis(address.ip, socket_timeout=10, decode_responses=True)  # type: ignore[union-attr]

    def write(word: str) -> None:
        with contextlib.closing(database()) as store:
            for n in range(200):
                written[f"{word}:{n}"] = f"{word} {n}"
                assert store.set(f"{word}:{n}", f"{word} {n}")

    def walk(row: Deployment, points: list[str], state: str) -> None:
        left = set(points)
        while died := workers.advance(row.pk, left):
            left.remove(died)
            running = [one for one in house.server.query("/1.0/instances?recursion=1") if one["status"] == "Running"]
            assert len(running) <= 1, [one["name"] for one in running]
        assert not left, "the release never came to these points"
        row.refresh_from_db()
        assert row.state == state, (row.outcome, [(one.state, one.reason) for one in row.steps.all()])
        assert [one.rpartition("/")[2] for one in house.server.query("/1.0/instances")] == ["store-isolated-1"]
        assert house.instance.address == address
        assert house.run("cat /version").strip() == "two"
        with contextlib.closing(database()) as store:
            assert store.dbsize() == len(written)
            assert dict(zip(written, store.mget(list(written)), strict=True)) == written

    write("first")
    walk(house.deploy(second), ALL, "succeeded")
    write("second")
    walk(house.deploy(sick, deadline=5), BACK, "rolled_back")


def test_what_an_operator_does_there_is_told_and_a_release_is_not(house: House, settings: Any, enqueued: Any) -> None:
    settings.HEAR_OUTSIDE = True
    enqueued.start(threads=4)
    WATCH.start()
    try:
        wait_for("all hosts are listened to", lambda: Ear.objects.count() == Host.objects.count())
        for name in ("one", "two"):
            row = house.deploy(house.image(name))
            house.site.begin(row)
            house.site.ended(row, "succeeded")
        instance = house.instance.name
        house.server.lxc("exec", instance, "--", "true")
        house.server.lxc("stop", "--force", instance)
        house.server.lxc("delete", instance)

        def told() -> list[str]:
            rows = Event.objects.filter(action__startswith="outside.", parent_id=str(house.instance.pk)).order_by("pk")
            return [row.action.removeprefix("outside.") for row in rows]

        wait_for("three deeds are told", lambda: len(told()) >= 3, 60)
        assert sorted(told()) == ["exec", "remove", "stop"]
    finally:
        WATCH.stop()


def test_a_database_is_measured_by_the_same_series(house: House, settings: Any) -> None:
    settings.METRICS_INTERVAL = 9  # (a server makes its numbers anew after 8 s)
    house.site.succeeds(house.deploy(house.image("one")))
    instance, collecting = house.instance, Collecting(house.site)
    began = time.time()
    try:
        collecting.begin(house.host)
        assert collecting.row(house.host).state == "server"
        _at, values = collecting.sample_after(f"instance:{instance.pk}", began, has="cpu.cores")
        assert (values["up"], values["memory.limit"], values["restarts"]) == (1, 64 << 20, 0)
        assert 0 < values["memory.working_set"] < 64 << 20
        assert 0 < values["fs.percent[/data]"] <= 100
        assert {"cpu.percent", "net.rx_bytes", "net.tx_dropped", "processes", "memory.cache"} <= set(values)
        _at, values = collecting.sample_after(f"host:{house.host.pk}", began, has="memory.total")
        assert values["memory.total"] > values["memory.used"] > 0
        assert "fs.percent[default (dir)]" in values
        row = collecting.row(house.host)
        assert (row.trouble, row.containers, row.stored) == ("", 1, 1)
    finally:
        collecting.end()
