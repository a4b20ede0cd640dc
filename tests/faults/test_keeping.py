"""Data of a real Valkey on a real LXD server: snapshots around releases, put back by hand and on a way back, killed workers in between."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from containers.keeping.models import Restore, Snapshot
from containers.keeping.services import restores, snapshots
from containers.services import releases
from hosts.models import Segment
from hosts.operation_runner import execute
from tests.engines import machine
from tests.faults.test_lxd import House
from tests.faults.test_lxd import house as house  # noqa: PLC0414  a fixture
from tests.faults.workers import Workers


class Store:
    """What is written to the instance's Valkey, and that it is there."""

    def __init__(self, house: House) -> None:
        address = house.instance.address
        assert address is not None
        self.ip = address.ip

    @contextlib.contextmanager
    def open(self) -> Iterator[redis.Redis]:
        with contextlib.closing(redis.Redis(self.ip, socket_timeout=10, decode_responses=True)) as store:
            yield store

    def write(self, word: str) -> None:
        with self.open() as store:
            for n in range(100):
                assert store.set(f"{word}:{n}", word)

    def words(self) -> dict[str, int]:
        """How many rows of each word there are."""
        with self.open() as store:
            found: dict[str, int] = {}
            for key in store.scan_iter():
                word = str(key).partition(":")[0]
                found[word] = found.get(word, 0) + 1
            return found


def run(row: Snapshot | Restore) -> Any:
    assert row.operation is not None
    assert execute(row.operation.pk), row.operation.words
    row.refresh_from_db()
    row.operation.refresh_from_db()
    return row


def test_data_is_kept_around_releases_and_put_back(house: House, workers: Workers) -> None:
    Segment.objects.update(probe=False)
    first, second, sick = house.store("one"), house.store("two"), house.store("sick", "false")
    actor, place = house.site.actor, house.place
    plan = releases.preview(actor, place, first)
    assert not any("snapshot" in words for words in plan.warnings)  # nothing stands here yet
    house.site.succeeds(house.deploy(first))
    store = Store(house)

    store.write("a")
    (mine,) = snapshots.take(actor, place, reason="by hand")
    mine = run(mine)
    assert (mine.state, mine.volumes[0]["name"]) == ("ready", "xq-vol-store.isolated.data"), mine.operation.words
    assert 0 < mine.still_ms < 20_000
    store.write("b")

    # A release takes one when the old version has written its last, whoever is killed in between.
    assert any("A snapshot of the data is taken" in words for words in releases.preview(actor, place, second).warnings)
    row = house.deploy(second)
    left = {"before snapshot", "after snapshot"}
    while died := workers.advance(row.pk, left):
        left.remove(died)
    row.refresh_from_db()
    assert not left, (row.outcome, [(one.state, one.reason) for one in row.steps.all()])
    assert row.state == "succeeded", row.outcome
    before = Snapshot.objects.get(deployment=row)
    assert (before.state, before.why, before.manifest["tag"]) == ("ready", "release", "one")
    store.write("c")
    assert store.words() == {"a": 100, "b": 100, "c": 100}

    # By hand, back to what the release began with; what is there now is kept, and comes back.
    place.refresh_from_db()
    back = run(restores.restore(actor, before, house.instance.name))
    assert back.state == "done", back.operation.words
    assert store.words() == {"a": 100, "b": 100}
    assert house.run("cat /version").strip() == "two"
    again = run(restores.restore(actor, back.safety, house.instance.name))
    assert again.state == "done", again.operation.words
    assert store.words() == {"a": 100, "b": 100, "c": 100}

    # A release that goes back by itself leaves the data, one that is told to puts it back; killed in between, too.
    failed = house.deploy(sick, deadline=5)
    assert workers.advance(failed.pk) == ""
    failed.refresh_from_db()
    assert failed.state == "rolled_back", failed.outcome
    assert store.words() == {"a": 100, "b": 100, "c": 100}
    told = house.deploy(sick, deadline=5)
    type(told).objects.filter(pk=told.pk).update(data_back=True)
    left = {"back before data back", "back after data back"}
    while died := workers.advance(told.pk, left):
        left.remove(died)
        if died == "back before data back":
            # What the new version wrote: nobody runs who has the volume.
            (data,) = (house.server.directory / "storage-pools/default/custom").glob("*_xq-vol-store.isolated.data")
            (data / "later").write_text("written by the new version")
    assert not left
    told.refresh_from_db()
    assert told.state == "rolled_back", [(one.state, one.reason) for one in told.steps.all()]
    put = Restore.objects.get(deployment=told)
    assert put.state == "done"
    assert put.safety is not None
    assert "later" not in house.run("ls /data").split()
    assert store.words() == {"a": 100, "b": 100, "c": 100}
    assert house.run("cat /version").strip() == "two"

    # Nothing of others, and nothing twice, is on the server.
    names = house.server.query("/1.0/storage-pools/default/volumes/custom/xq-vol-store.isolated.data/snapshots")
    rows = Snapshot.objects.filter(state="ready")
    assert {one.rpartition("/")[2] for one in names} == {one.label for one in rows}
    assert not Snapshot.objects.exclude(held=[]).exists()


@pytest.fixture
def small_pool(house: House) -> Iterator[Path]:
    """The server's roots and volumes lie in a pool of 72 MiB; where it is to be seen from here."""
    server, folder = house.server, house.server.folder / "small"
    pid = machine.pid_in(server.folder / "lxd.pid")
    mounted = ("nsenter", "-t", str(pid), "-m")
    folder.mkdir()
    machine.run(*mounted, "mount", "-t", "tmpfs", "-o", "size=72m", "tmpfs", folder)
    server.lxc("storage", "create", "small", "dir", f"source={folder}")
    server.lxc("profile", "device", "set", "default", "root", "pool=small")
    yield Path(f"/proc/{pid}/root{folder}")
    for one in server.query("/1.0/instances"):
        server.lxc("delete", "--force", one.rpartition("/")[2])
    for one in server.query("/1.0/storage-pools/small/volumes/custom"):
        server.lxc("storage", "volume", "delete", "small", one.rpartition("/")[2])
    server.lxc("profile", "device", "set", "default", "root", "pool=default")
    server.lxc("storage", "delete", "small")
    machine.run(*mounted, "umount", folder)
    folder.rmdir()


def test_a_pool_that_is_full_at_a_snapshot_loses_nothing(house: House, small_pool: Path) -> None:
    """There is room by the rule, but not for all of the data once more."""
    Segment.objects.update(probe=False)
    house.site.succeeds(house.deploy(house.store("one")))
    store, big = Store(house), "x" * (1 << 20)
    with store.open() as rows:
        for n in range(14):
            assert rows.set(f"big:{n}", big)
    space = os.statvfs(small_pool)
    (small_pool / "ballast").write_bytes(bytes(space.f_bavail * space.f_frsize - (8 << 20)))
    (row,) = snapshots.take(house.site.actor, house.place, reason="before the night")
    row = run(row)
    assert row.state == "failed"
    assert "full" in row.operation.words.lower(), row.operation.words
    # It goes on, whole; nothing of the snapshot is left, so that there is room for what comes.
    store.write("after")
    assert store.words() == {"big": 14, "after": 100}
    (name,) = (one.partition("/custom/")[2] for one in house.server.query("/1.0/storage-pools/small/volumes/custom"))
    assert name == "xq-vol-store.isolated.data"
    assert house.server.query(f"/1.0/storage-pools/small/volumes/custom/{name}/snapshots") == []
    # There is no room for another image either: said before anything is stopped.
    released = house.deploy(house.store("two"))
    house.site.advance(released)
    assert released.state == "failed", released.outcome
    assert "more than there is room for" in released.outcome
    assert store.words() == {"big": 14, "after": 100}
    assert house.run("cat /version").strip() == "one"
