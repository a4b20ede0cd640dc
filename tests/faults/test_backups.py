"""Backups of a real database on a real LXD server into a real S3 store, and drills of them on a second server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from containers.keeping import backup_beat, backup_policies, drill_work, parts
from containers.keeping.models import Backup, BackupPolicy, Drill, Snapshot
from containers.keeping.services import backups, drills, recoveries, snapshots, targets
from containers.keeping.stores import StoreError
from containers.keeping.stores.folder import FolderStore
from containers.models import Container
from hosts import observe, operation_runner
from hosts.engine import connect
from hosts.models import Address, Host, HostOperation, Segment
from hosts.services import machines
from tests.engines.lxd import LxdServer
from tests.faults.conftest import wait_for
from tests.faults.test_lxd import House
from tests.faults.test_lxd import house as house  # noqa: PLC0414  a fixture
from tests.faults.workers import environment
from tests.keeping.s3 import S3Server, s3_server
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

PIECE = 1 << 18
PROGRAM = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
import django
django.setup()
from containers.keeping import parts
from containers.keeping.stores.s3 import S3Store
from hosts import operation_runner
parts.PART, put = int(sys.argv[2]), S3Store.put
def slowly(self, key, data):
    time.sleep(0.3)
    put(self, key, data)
S3Store.put = slowly
operation_runner.execute(int(sys.argv[1]))
"""
CHECK = "printf 'DBSIZE\\r\\n' | nc -w 1 127.0.0.1 6379 | grep -q '^:300'"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as one:
        yield one


def second_host(house: House) -> tuple[LxdServer, Host]:
    server = house.site.fleet.lxd(2)[1]
    data = {
        "name": "store-2",
        "runtime": "lxd",
        "connection": "tcp",
        "address": server.endpoint,
        "trust": server.token(),
    }
    host = machines.create_host(house.site.actor, data)
    assert observe.refresh_host(host.pk)
    segment = house.site.environment.segment
    assert segment is not None
    segment.hosts.add(host)
    host.refresh_from_db()
    return server, host


def left_on(server: LxdServer) -> tuple[list[str], list[str]]:
    """Names of instances and of volumes with their snapshots."""
    found = server.query("/1.0/storage-pools/default/volumes/custom")
    return (
        [one.rpartition("/")[2] for one in server.query("/1.0/instances")],
        [one.partition("/custom/")[2] for one in found],
    )


def answers(store: Any) -> bool:
    try:
        return bool(store.ping())
    except redis.RedisError:
        return False


def ended(operation: HostOperation | None, state: str = "succeeded") -> HostOperation:
    assert operation is not None
    assert operation_runner.execute(operation.pk)
    operation.refresh_from_db()
    assert operation.state == state, (operation.state, operation.words, operation.steps)
    return operation


@pytest.mark.timeout(400)
def test_a_backup_is_taken_and_starts_elsewhere(
    house: House,
    s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "PART", PIECE)
    site, actor = house.site, house.site.actor
    Segment.objects.update(probe=False)
    other, elsewhere = second_host(house)
    site.succeeds(house.deploy(house.store("one")))
    address = house.instance.address
    assert address is not None

    def write(first: int, last: int, value: bytes = b"") -> None:
        with contextlib.closing(redis.Redis(address.ip, socket_timeout=10)) as store:
            for n in range(first, last):
                assert store.set(f"row:{n}", value or os.urandom(10_000))

    write(0, 300)
    before = left_on(house.server)
    place = s3.place
    s3_target = targets.create(
        actor,
        {"name": "company", "kind": "s3", "endpoint": place.endpoint, "bucket": place.bucket, "access_key": place.access_key,
         "secret_key": place.secret_key, "key_prefix": "xq"},
    )  # fmt: skip

    # A worker is killed in the middle; the next one goes on with the part that is not there yet.
    [row] = backups.take(actor, house.place, "company")
    assert row.operation is not None
    argv = [sys.executable, "-c", PROGRAM, str(row.operation.pk), str(PIECE)]
    process = subprocess.Popen(argv, env=environment(), cwd=settings.BASE_DIR)
    try:
        wait_for("three parts are stored", lambda: row.parts.count() >= 3 or process.poll() is not None)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(60)
    write(300, 305)
    stored = row.parts.count()
    first = s3.objects()
    operation = ended(row.operation)
    assert operation.attempts == 2
    row.refresh_from_db()
    assert (row.state, row.snapshot is not None and row.snapshot.state) == ("ready", "gone")
    now = s3.objects()
    assert row.parts.count() > max(stored, 8)
    assert sum(size for key, size in now.items() if key.endswith(".age")) == row.size
    assert len(set(first) - set(now)) <= 1  # the part at which it was killed was sealed anew, under another name
    assert f"xq/{row.folder}/manifest.json" in now
    assert left_on(house.server) == before
    assert house.run("cat /version").strip() == "one"

    # It starts on another server, with every row of that moment and none of later; nothing of it stays.
    backup_policies.save_rules(actor, house.place, "", {"check": CHECK, "drill_seconds": 60})
    drill = drills.drill(actor, row)
    assert drill.host == elsewhere
    seen: list[tuple[list[str], str]] = []
    real = drill_work._checked

    def checked(engine: Any, made: str, command: str) -> Any:
        networks = engine.inspect(made)["NetworkSettings"]["Networks"]
        seen.append((left_on(other)[0], networks["xq-lan"]["IPAddress"]))
        return real(engine, made, command)

    monkeypatch.setattr(drill_work, "_checked", checked)
    ended(drill.operation)
    drill.refresh_from_db()
    assert (drill.state, drill.seconds is not None, drill.address) == ("starts", True, None), (drill.words, drill.said)
    assert seen == [([drill.label], drill.ip)]
    assert drill.ip not in {"", address.ip}
    assert Address.objects.get(ip=drill.ip).state == "quarantine"
    assert left_on(other) == ([], [])
    assert left_on(house.server) == before

    # What fails is said: the check of the data, a part that was changed in the store, a name that is somebody else's.
    backup_policies.save_rules(actor, house.place, "", {"check": "echo 3 rows are missing; exit 4"})
    drill = drills.drill(actor, row, "store-1")
    ended(drill.operation)
    drill.refresh_from_db()
    assert (drill.state, drill.said.strip()) == ("fails", "3 rows are missing")
    assert "4" in drill.words
    assert left_on(house.server) == before

    other.image("tiny")
    other.lxc("init", "tiny", f"xq-drill-{drill.pk + 1}")
    drill = drills.drill(actor, row)
    operation = ended(drill.operation, "failed")
    drill.refresh_from_db()
    assert (drill.state, left_on(other)[0]) == ("broken", [drill.label])
    assert "not the platform's" in operation.words
    other.lxc("delete", drill.label)
    backup_beat.sweep()
    assert left_on(other) == ([], [])

    # In place: every row of that moment; what was there before is a snapshot. A way back brings that again.
    with contextlib.closing(redis.Redis(address.ip, socket_timeout=10)) as store:
        assert store.dbsize() == 305
        assert store.delete(*[f"row:{n}" for n in range(200)]) == 200
        with pytest.raises(Refused, match="not the name"):
            recoveries.recover(actor, row, "store")
        restore = recoveries.recover(actor, row, house.instance.name)
        ended(restore.operation)
        wait_for("it answers", lambda: answers(store))
        assert store.dbsize() == 300
        assert {len(store.get(f"row:{n}")) for n in range(300)} == {10_000}  # type: ignore[arg-type]
        restore.refresh_from_db()
        assert (restore.state, restore.safety is not None and restore.safety.state) == ("done", "ready")
        instances, volumes = left_on(house.server)
        assert (instances, len(volumes)) == (before[0], len(before[1]) + 1)  # the snapshot

        write(300, 303)
        assert store.dbsize() == 303
        with monkeypatch.context() as ill:
            ill.setattr("containers.keeping.restoring.HEALTHY_SECONDS", 0.5)
            ill.setattr("containers.health.shown_state", lambda _seen: "starting")
            restore = recoveries.recover(actor, row, house.instance.name)
            ended(restore.operation, "failed")
        wait_for("it answers", lambda: answers(store))
        assert store.dbsize() == 303
    for one in Snapshot.objects.filter(state="ready"):
        snapshots.remove(actor, one, one.label)
        one.refresh_from_db()
        ended(one.operation)
    assert left_on(house.server) == before

    part = row.parts.get(volume=0, number=2)
    store = backup_beat.open_store(s3_target)
    key = parts.part_key(row.folder, 0, 2, row.parts.get(volume=0, number=2).sha256)
    store.put(key, store.get(key)[:-1] + b"!")
    drill = drills.drill(actor, row)
    operation = ended(drill.operation, "failed")
    drill.refresh_from_db()
    assert drill.state == "broken"
    assert "damaged" in operation.words
    assert key in operation.words
    assert part.size == len(store.get(key))
    assert left_on(other) == ([], [])

    # Removed, nothing of it is in the store.
    with pytest.raises(Refused, match="not the name"):
        backups.remove(actor, row, "backup")
    backups.remove(actor, row, row.label)
    backup_beat.discard(row.pk)
    row.refresh_from_db()
    assert row.state == "gone"
    assert [one for one in s3.objects() if row.folder in one] == []
    actions = set(Event.objects.filter(action__startswith="data.").values_list("action", flat=True))
    assert actions >= {"data.backup", "data.backup.taken", "data.drill", "data.drill.ended", "data.backup.remove"}


@pytest.mark.timeout(300)
def test_a_backup_that_breaks_off_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that goes away, a cancel, and a host that is cut off in the middle: nothing is left, the service serves, and it is said."""
    monkeypatch.setattr(parts, "PART", PIECE)
    monkeypatch.setattr("containers.keeping.transfer.PATIENCE", 1.0)
    site, actor = house.site, house.site.actor
    site.succeeds(house.deploy(house.image("one")))
    house.run("dd if=/bin/busybox of=/data/rows bs=1000 count=1500 2>/dev/null; sync")
    before = left_on(house.server)
    target = targets.create(actor, {"name": "disk", "kind": "folder"})
    folder = Path(settings.DATA_DIR) / "backups" / "disk"

    real, calls = FolderStore.put, {"n": 0}

    def away(self: FolderStore, key: str, data: bytes) -> None:
        calls["n"] += 1
        if calls["n"] > 2:
            raise StoreError("The disk is away.", retry=True)
        real(self, key, data)

    monkeypatch.setattr(FolderStore, "put", away)
    [row] = backups.take(actor, house.place, "disk")
    operation = ended(row.operation, "failed")
    row.refresh_from_db()
    assert row.state == "failed"
    assert "The disk is away." in operation.words
    assert left_on(house.server) == before
    assert [path for path in folder.rglob("*") if path.is_file()] == []

    def cancelled(self: FolderStore, key: str, data: bytes) -> None:
        real(self, key, data)
        HostOperation.objects.filter(state="running").update(ask_cancel=True)
        time.sleep(1)  # a cancel is seen within 0.3 s

    monkeypatch.setattr(FolderStore, "put", cancelled)
    [row] = backups.take(actor, house.place, "disk")
    ended(row.operation, "cancelled")
    row.refresh_from_db()
    assert row.state == "failed"
    assert left_on(house.server) == before

    # The host is gone in the middle and stays away: what it has of it is removed when it is back.
    def cut(self: FolderStore, key: str, data: bytes) -> None:
        real(self, key, data)
        house.server.cut()

    monkeypatch.setattr(FolderStore, "put", cut)
    monkeypatch.setattr("hosts.lxd.volume_moves.IDLE_SECONDS", 2.0)
    monkeypatch.setattr("hosts.lxd.link.CALL_SECONDS", 3.0)
    connect(house.host).link.timeout = 3.0  # type: ignore[attr-defined]
    # More than sockets hold: what is in them is read although the host is away, and then the backup is whole.
    house.run("dd if=/dev/urandom of=/data/more bs=1000000 count=48 2>/dev/null; sync")
    [row] = backups.take(actor, house.place, "disk")
    try:
        operation = ended(row.operation, "failed")
    finally:
        house.server.heal()
    row.refresh_from_db()
    assert row.state == "failed"
    assert "Not undone" in operation.words
    monkeypatch.setattr(FolderStore, "put", real)
    house.run("rm /data/more; sync")
    backup_beat.sweep()
    assert left_on(house.server) == before
    assert [path for path in folder.rglob("*") if path.is_file()] == []

    # By schedule: one, of this place alone; then the rules keep the newest.
    backup_policies.save_rules(
        actor, house.place, "disk", {"every": 1, "keep_last": 1, "keep_daily": 0, "keep_weekly": 0, "drill_days": 1}
    )
    kept = []
    for _n in range(2):
        BackupPolicy.objects.update(changed=timezone.now() - timedelta(days=1))
        type(house.instance).objects.update(created=timezone.now() - timedelta(days=1))
        Backup.objects.update(created=timezone.now() - timedelta(hours=2))
        backup_beat.plan()
        backup_beat.plan()
        [row] = Backup.objects.filter(state="taking")
        assert row.why == "schedule"
        ended(row.operation)
        kept.append(row.pk)
    Drill.objects.all().delete()
    backup_beat.plan()
    assert Backup.objects.get(pk=kept[0]).state == "dropping"
    assert Backup.objects.get(pk=kept[1]).state == "ready"
    [drill] = Drill.objects.all()
    assert (drill.backup_id, drill.why, drill.host) == (kept[1], "schedule", house.host)
    ended(drill.operation)
    drill.refresh_from_db()
    assert drill.state == "starts", drill.words
    assert left_on(house.server) == before
    assert Container.objects.filter(ended=None).count() == 1
    assert target.backups.count() == 5
