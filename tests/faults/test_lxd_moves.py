"""A database with data moves between two real LXD servers: its rows go along, whatever is killed or cut meanwhile."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.utils import timezone

from builds.models import Image, Project
from containers import left_behind
from containers.keeping.services import copies, restores, snapshots
from containers.models import Deployment, MovedVolume, Service
from containers.services import moves, releases, steering
from containers.services.settings import save_config
from containers.steps import points
from hosts import observe
from hosts.models import Host, HostOperation, Segment
from hosts.operation_runner import execute
from hosts.services import machines
from tests.engines.lxd import LxdServer
from tests.faults.conftest import Site
from tests.faults.test_lxd import CONFIG, House, house
from tests.faults.workers import Workers
from xqplatform.audit.models import Event

__all__ = ["house"]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(480)]
VOLUME = "xq-vol-store.isolated.data"
STAGES = ["before ahead", "before settle", "after ahead", "before create", "after create", "before stop", "after stop", "before data", "after data", "before switch", "after switch",
          "before start", "after start", "before healthy", "before remove", "after remove", "end"]  # fmt: skip


@dataclass
class Pair:
    """The house with a second server, and what was written to its database."""

    house: House
    servers: dict[str, LxdServer]
    other: Host
    written: dict[str, str]

    @property
    def site(self) -> Site:
        return self.house.site

    def database(self) -> redis.Redis:
        address = self.house.instance.address
        assert address is not None
        return redis.Redis(address.ip, socket_timeout=10, decode_responses=True)

    def write(self, word: str) -> None:
        with contextlib.closing(self.database()) as store:
            for number in range(200):
                key = f"{word}:{number}"
                assert store.set(key, f"{word} {number}")
                self.written[key] = f"{word} {number}"

    def check(self, host: Host) -> None:
        """It runs there and nowhere else, with every row."""
        assert self.house.instance.host == host
        for name, server in self.servers.items():
            found = [one["name"] for one in server.query("/1.0/instances?recursion=1")]
            assert found == (["store-isolated-1"] if name == host.name else []), (name, found)
        self.check_rows()

    def check_rows(self) -> None:
        with contextlib.closing(self.database()) as store:
            assert store.dbsize() == len(self.written)
            assert dict(zip(self.written, store.mget(list(self.written)), strict=True)) == self.written

    def folder(self, host: Host, name: str = VOLUME) -> Path:
        return self.servers[host.name].directory / "storage-pools/default/custom" / f"default_{name}"

    def volumes(self, host: Host) -> list[str]:
        return [
            one.rpartition("/")[2] for one in self.servers[host.name].query("/1.0/storage-pools/default/volumes/custom")
        ]

    def move(self, to: Host, **more: Any) -> Deployment:
        return moves.move(self.site.actor, self.house.place, [1], to, policy={**moves.USUAL, "deadline": 90, **more})


@pytest.fixture
def pair(house: House) -> Pair:
    servers = house.site.fleet.lxd(2)
    data = {"name": "store-2", "runtime": "lxd", "connection": "tcp", "address": servers[1].endpoint}
    other = machines.create_host(house.site.actor, {**data, "trust": servers[1].token()})
    assert observe.refresh_host(other.pk)
    other.refresh_from_db()
    segment = house.site.environment.segment
    assert segment is not None
    segment.hosts.add(other)
    Segment.objects.update(probe=False)
    made = Pair(house, {"store-1": servers[0], "store-2": servers[1]}, other, {})
    house.site.succeeds(house.deploy(house.store("one")))
    made.write("first")
    return made


def test_killed_workers_lose_no_row_of_a_database_that_moves(pair: Pair, workers: Workers) -> None:
    """`kill -9` at every stage of a move; then it is taken back, with what was written on the new host."""
    home, there = pair.house.host, pair.other
    row = pair.move(there)
    left = set(STAGES)
    while died := workers.advance(row.pk, left):
        left.remove(died)
        running = [
            one for server in pair.servers.values() for one in server.query("/1.0/instances?recursion=1")
            if one["status"] == "Running"
        ]  # fmt: skip
        assert len(running) <= 1, [one["name"] for one in running]
    assert not left, "the move never came to these points"
    row.refresh_from_db()
    assert row.state == "succeeded", (row.outcome, [one.reason for one in row.steps.all()])
    pair.check(there)

    # What it had stays on the old host for a time, under a name of its own.
    kept = MovedVolume.objects.get(removed=None)
    assert (kept.host, kept.was, kept.kind) == (home, VOLUME, "left")
    assert pair.volumes(home) == [f"xq-moved-{kept.pk}"]
    assert left_behind.tidy() == 0
    MovedVolume.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert left_behind.tidy() == 1
    assert pair.volumes(home) == []
    assert Event.objects.filter(action="moved.remove").count() == 1

    # Back again, where a later failure has the whole move taken back when it was through: what was written there comes along.
    pair.write("second")
    back = pair.move(home)
    assert workers.advance(back.pk, ["before finish"]) == "before finish"
    pair.write("third")
    steering.rollback(pair.site.actor, back)
    assert workers.advance(back.pk, ["back after data"]) == "back after data"
    assert workers.advance(back.pk) == ""
    back.refresh_from_db()
    assert back.state == "rolled_back", (back.outcome, [one.reason for one in back.steps.all()])
    pair.check(there)


def test_what_is_written_in_the_second_of_the_copy_ahead_goes_along(pair: Pair) -> None:
    """As long as before, and of the same second: such a file looks the same to the servers, and is not."""
    home, there = pair.house.host, pair.other
    trap, moments = pair.folder(home) / "trap", []
    trap.write_text("old")

    def write(name: str, _step: int) -> None:
        if name == "before settle":
            assert (pair.folder(there) / "trap").read_text() == "old", "it was copied while the database runs"
            before = trap.stat()
            trap.write_text("new")
            os.utime(trap, ns=(before.st_atime_ns, before.st_mtime_ns // 10**9 * 10**9 + 999_999_999))
            pair.write("meanwhile")
            moments.append(name)

    points.PROBE.append(write)
    pair.site.succeeds(pair.move(there))
    assert moments == ["before settle"]
    pair.check(there)
    assert (pair.folder(there) / "trap").read_text() == "new"


def test_a_cable_that_is_pulled_in_the_middle(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off for good: it runs on where it was, nothing is lost, and it is said. Another try goes through."""
    from containers import carrying

    home, there = pair.house.host, pair.other
    (pair.folder(home) / "ballast").write_bytes(os.urandom(120 << 20))
    monkeypatch.setattr(carrying, "BROKEN_SECONDS", 0.0)
    tell = carrying._Tries.moved
    server = pair.servers["store-2"]

    def pull(tries: Any, count: int) -> None:
        if count > 10_000_000:
            server.cut()
        tell(tries, count)

    monkeypatch.setattr(carrying._Tries, "moved", pull)
    row = pair.move(there, deadline=10)
    healed = pair.site.begin(row)
    pair.site.ended(row, "rolled_back", 240)
    assert not healed.is_alive()
    step = row.steps.get()
    assert "The data is on store-1, as it was." in step.reason
    assert pair.house.instance.host == home
    with contextlib.closing(pair.database()) as store:
        assert store.dbsize() == len(pair.written)
    pair.write("meanwhile")

    server.heal()
    monkeypatch.undo()
    observe.refresh_host(there.pk)
    left_behind.tidy()
    assert not MovedVolume.objects.filter(removed=None).exists()
    assert pair.volumes(there) == []
    pair.site.succeeds(pair.move(there))
    pair.check(there)
    assert (pair.folder(there) / "ballast").stat().st_size == 120 << 20


def test_somebody_elses_volume_there_is_never_touched(pair: Pair) -> None:
    home, there = pair.house.host, pair.other
    pair.servers["store-2"].lxc("storage", "volume", "create", "default", VOLUME)
    (pair.folder(there) / "theirs").write_text("precious")
    row = pair.move(there)
    pair.site.advance(row)
    assert row.state in {"failed", "rolled_back"}
    assert "has a volume xq-vol-store.isolated.data already" in row.steps.get().reason
    assert "stop" not in row.steps.get().times, "nothing was stopped for it"
    assert (pair.folder(there) / "theirs").read_text() == "precious"
    pair.check(home)
    left_behind.tidy()
    assert pair.volumes(there) == [VOLUME]
    assert points.PROBE == []


def test_another_service_gets_its_data(pair: Pair) -> None:
    """From a snapshot, while it runs on, into a database of another service on another host."""
    site, house = pair.site, pair.house
    service = Service.objects.create(slug="twin", project=Project.objects.create(name="twin"), kind="stateful")
    place = service.places.create(environment=site.environment, wanted=1)
    image = house.store("one")
    Image.objects.filter(pk=image.pk).update(project=service.project)
    image.refresh_from_db()
    save_config(site.actor, place, {**CONFIG, "persist": False})
    site.succeeds(releases.deploy(site.actor, place, image, policy={"deadline": 90}, reason="twin"))
    twin = place.instances.select_related("host", "address").get()
    assert twin.address is not None
    with contextlib.closing(redis.Redis(twin.address.ip, decode_responses=True)) as store:
        store.set("own", "row")
    (snapshot,) = snapshots.take(site.actor, house.place)
    assert snapshot.operation is not None
    assert execute(snapshot.operation.pk)
    snapshot.refresh_from_db()
    pair.write("later")
    row = copies.copy(site.actor, snapshot, twin.name)
    assert row.operation is not None
    execute(row.operation.pk)
    row.refresh_from_db()
    assert row.state == "done", HostOperation.objects.get(pk=row.operation.pk).words
    with contextlib.closing(redis.Redis(twin.address.ip, decode_responses=True)) as store:
        assert store.get("first:7") == "first 7"
        assert store.dbsize() == 200
    pair.check_rows()
    assert row.safety is not None
    back = restores.restore(site.actor, row.safety, twin.name)
    assert back.operation is not None
    execute(back.operation.pk)
    back.refresh_from_db()
    assert back.state == "done", HostOperation.objects.get(pk=back.operation.pk).words
    with contextlib.closing(redis.Redis(twin.address.ip, decode_responses=True)) as store:
        assert (store.get("own"), store.dbsize()) == ("row", 1)
    names = [
        name for server in pair.servers.values() for name in server.query("/1.0/storage-pools/default/volumes/custom")
    ]
    assert not [name for name in names if "xq-copy" in name]
