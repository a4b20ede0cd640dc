"""Clocks that were wrong, hosts that give less than they said, stores that are moved, drills that could not be tried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.keeping import backup_beat, backup_policies, scheduling, sealing, transfer
from containers.keeping.models import Backup, BackupPolicy, BackupTarget, Drill, Snapshot
from containers.keeping.policies import save_policy
from containers.keeping.services import drills, targets
from containers.models import Instance
from hosts.models import HostOperation
from hosts.operation_runner import execute
from tests.keeping.played import Pool
from tests.keeping.played_moves import Moves
from tests.keeping.test_backups import disk as disk  # noqa: PLC0414  a fixture
from tests.keeping.test_backups import moves as moves  # noqa: PLC0414  a fixture
from tests.keeping.test_backups import taken
from tests.keeping.test_restores import snapshot as snapshot  # noqa: PLC0414  a fixture
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db(transaction=True)
KEEP_ONE = {"every": 24, "keep_last": 1, "keep_daily": 0, "keep_weekly": 0, "drill_days": 0}


def test_a_clock_that_was_wrong_keeps_no_backup_from_being_taken_or_kept(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor
) -> None:
    now = timezone.now()
    backup_policies.save_rules(actor_dev, instance.place, "disk", KEEP_ONE)
    Instance.objects.update(created=now - timedelta(days=9))
    BackupPolicy.objects.update(changed=now - timedelta(days=9))
    of_next_year = taken(actor_dev, instance)
    ahead = now + timedelta(days=365)
    Backup.objects.update(why="schedule", created=ahead, taken=ahead)
    backup_beat.plan()
    row = Backup.objects.exclude(pk=of_next_year.pk).get()  # it is taken, though one of later is there
    assert row.operation is not None
    assert execute(row.operation.pk)
    backup_beat.plan()
    assert {one.state for one in Backup.objects.all()} == {"ready"}  # and stays


def test_nor_a_snapshot(snapshot: Snapshot, instance: Instance, actor_sre: Actor) -> None:
    now = timezone.now()
    save_policy(actor_sre, instance.place, {"every": 24, "keep_last": 1, "keep_daily": 0})
    Instance.objects.update(created=now - timedelta(days=9))
    ahead = now + timedelta(days=365)
    Snapshot.objects.update(why="schedule", created=ahead, taken=ahead)
    scheduling.run()
    row = Snapshot.objects.exclude(pk=snapshot.pk).get()
    assert row.operation is not None
    assert execute(row.operation.pk)
    scheduling.tidy()
    assert {one.state for one in Snapshot.objects.all()} == {"ready"}


@pytest.mark.parametrize("given", [0, 10, 33])
def test_what_a_host_cuts_short_is_no_backup(
    given: int, moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool, monkeypatch: Any
) -> None:
    pool.data["xq-vol-store-1"] = "abcdefghij" * 5
    monkeypatch.setattr(transfer, "PATIENCE", 0.0)

    def cut(_pool: str, volume: str, offset: int = 0) -> Iterator[bytes]:
        yield moves.files[volume][offset:given]

    monkeypatch.setattr(moves, "read_file", cut)
    made: list[int] = []
    real = sealing.seal
    monkeypatch.setattr(sealing, "seal", lambda piece, *more: made.append(len(piece)) or real(piece, *more))
    row = taken(actor_dev, instance)
    assert row.state == "failed"
    assert made == [10] * (given // 10), "whoever goes on would take a short part for a whole one"
    assert f"gave {given} of 50 bytes" in HostOperation.objects.get(pk=row.operation_id).words


def test_nor_is_a_file_of_no_length(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, monkeypatch: Any
) -> None:
    monkeypatch.setattr(moves, "write_file", lambda _pool, volume, **_o: moves.files.update({volume: b""}) or 0)
    assert taken(actor_dev, instance).state == "failed"


def test_a_store_is_not_moved_away_from_what_lies_in_it(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, actor_sre: Actor, monkeypatch: Any
) -> None:
    row = taken(actor_dev, instance)
    BackupTarget.objects.update(
        kind="s3", bucket="old", access_key="k", secret_key="s", endpoint="https://s3.example.com"
    )
    from containers.keeping.services import targets as verbs
    from containers.keeping.stores.folder import FolderStore

    def folder(of: BackupTarget) -> FolderStore:
        from django.conf import settings

        return FolderStore(settings.DATA_DIR / "backups" / {"old": "disk"}.get(of.bucket, of.bucket))

    monkeypatch.setattr(verbs, "open_store", folder)
    disk.refresh_from_db()
    with pytest.raises(Refused, match=f"{row.label} is not there") as refused:
        targets.change(actor_sre, disk, {"bucket": "new"})
    assert refused.value.field == "bucket"
    disk.refresh_from_db()
    assert disk.bucket == "old"
    (folder(disk).root).rename(folder(BackupTarget(bucket="new")).root)
    assert targets.change(actor_sre, disk, {"bucket": "new"}).bucket == "new"


def test_a_backup_that_failed_does_not_keep_a_store_for_ever(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, actor_sre: Actor, monkeypatch: Any
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(moves, "read_file", lambda *_a: iter([b"x"]))
        row = taken(actor_dev, instance)
    assert row.state == "failed"
    row.parts.create(volume=0, number=1, size=1, sha256="0" * 64)
    with pytest.raises(Refused, match="backups in it"):
        targets.remove(actor_sre, disk)
    backup_beat.sweep()
    assert row.snapshot is not None
    Snapshot.objects.filter(pk=row.snapshot.pk).update(state="ready")  # its host was away
    with pytest.raises(Refused, match="backups in it"):
        targets.remove(actor_sre, disk)
    backup_beat.sweep()
    targets.remove(actor_sre, disk)
    assert not BackupTarget.objects.exists()


def test_a_drill_that_could_not_be_tried_is_due_again_the_same_day(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, actor_sre: Actor
) -> None:
    now = timezone.now()
    backup_policies.save_rules(actor_dev, instance.place, "disk", {"every": 0, "drill_days": 7})
    row = taken(actor_dev, instance)
    drills.begin(actor_sre, row, "schedule")
    Drill.objects.update(state="broken", created=now - timedelta(hours=1))
    backup_beat.plan()
    assert Drill.objects.count() == 1
    Drill.objects.update(created=now - timedelta(hours=7))
    for _tick in range(2):
        backup_beat.plan()
    assert Drill.objects.count() == 2
    Drill.objects.update(state="fails", created=now - timedelta(hours=7))
    backup_beat.plan()
    assert Drill.objects.count() == 2
