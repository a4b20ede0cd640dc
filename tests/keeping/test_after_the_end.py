"""What goes wrong after the work is done: a backup that is whole stays, and so does data that was put back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from containers.keeping import backup_beat, parts, sweeping, transfer
from containers.keeping.models import Backup, BackupTarget, Snapshot
from containers.keeping.services import backups
from containers.keeping.stores.opening import open_store
from containers.models import Instance
from hosts.models import HostOperation
from hosts.operation_runner import MOST_ATTEMPTS, execute
from tests.keeping.played import Pool, dies, fails
from tests.keeping.played_moves import Moves
from tests.keeping.test_backups import disk as disk  # noqa: PLC0414  a fixture
from tests.keeping.test_backups import moves as moves  # noqa: PLC0414  a fixture
from tests.keeping.test_backups import taken
from tests.keeping.test_recoveries import THEN, begun
from tests.keeping.test_recoveries import backup as backup  # noqa: PLC0414  a fixture
from tests.keeping.test_restores import Engine
from tests.keeping.test_restores import engine as engine  # noqa: PLC0414  a fixture
from xqplatform.accounts.actor import Actor

pytestmark = pytest.mark.django_db(transaction=True)


def quiet_run() -> Any:
    """An operation that nobody looks at."""
    return SimpleNamespace(check=lambda: None, note=lambda _words: None)


def away(*_args: Any, **_options: Any) -> None:
    fails("unreachable", "The host is away.")()


def test_a_host_that_dies_when_its_backup_is_in_the_store_takes_nothing_of_it_along(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", 0.0)
    with monkeypatch.context() as host:
        host.setattr(moves, "remove_marked", away)
        row = taken(actor_dev, instance)
        backup_beat.sweep()  # the host is away still
        row.refresh_from_db()
        assert row.state == "ready", row.operation
        assert list(open_store(disk).keys(row.folder))
    backup_beat.sweep()
    row.refresh_from_db()
    assert (row.state, row.parts.count()) == ("ready", 1)
    assert sorted(pool.data) == ["xq-vol-store-1"]
    assert pool.kept["xq-vol-store-1"] == {}
    assert Snapshot.objects.get().state == "gone"


def test_so_does_a_worker_that_is_killed_there_again_and_again(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    [row] = backups.take(actor_dev, instance.place, "disk")
    assert row.operation is not None
    with monkeypatch.context() as deaths:
        deaths.setattr(moves, "remove_marked", lambda *_a: dies())
        for _worker in range(MOST_ATTEMPTS):
            HostOperation.objects.update(lease="")
            with pytest.raises(SystemExit):
                execute(row.operation.pk)
    HostOperation.objects.update(lease="")
    assert execute(row.operation.pk)
    backup_beat.sweep()
    row.refresh_from_db()
    assert row.state == "ready"
    assert (sorted(pool.data), pool.kept["xq-vol-store-1"]) == (["xq-vol-store-1"], {})


def test_what_a_failed_backup_left_in_the_store_goes_though_its_host_never_comes_back(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", 0.0)
    store = open_store(disk)

    def dead(*_args: Any) -> None:
        monkeypatch.setattr(moves, "remove_marked", away)
        monkeypatch.setattr(pool, "drop", away)
        away()

    pool.data["xq-vol-store-1"] = "abcdefghij" * 5
    real = moves.read_file

    def cut(pool: str, volume: str, offset: int = 0) -> Any:
        for n, byte in enumerate(real(pool, volume, offset)):
            if n == 15:
                dead()
            yield byte

    monkeypatch.setattr(moves, "read_file", cut)
    row = taken(actor_dev, instance)
    assert (row.state, row.parts.count()) == ("failed", 1)
    assert list(store.keys(row.folder))
    backup_beat.sweep()
    assert list(store.keys(row.folder)) == []


def test_a_worker_that_was_thought_dead_puts_its_part_there_in_the_end(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.data["xq-vol-store-1"] = "abcdefghij" * 3
    store = open_store(disk)
    real, late = type(store).put, []

    def slow(self: Any, key: str, data: bytes) -> None:
        if len(late) == 1:
            late.append((key, data))
            dies()  # at least so it seems
        late.append((key, data))
        real(self, key, data)

    [row] = backups.take(actor_dev, instance.place, "disk")
    assert row.operation is not None
    with monkeypatch.context() as stalled:
        stalled.setattr(type(store), "put", slow)
        with pytest.raises(SystemExit):
            execute(row.operation.pk)
    HostOperation.objects.update(lease="")
    assert execute(row.operation.pk)
    store.put(*late[1])
    row.refresh_from_db()
    drill_of = transfer.fetch(quiet_run(), store, row, 0)
    assert b"".join(drill_of) == b"abcdefghij" * 3


def test_parts_are_found_by_the_names_of_before_and_nothing_else_is_left_there(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool
) -> None:
    pool.data["xq-vol-store-1"] = "abcdefghij" * 3
    store = open_store(disk)
    [row] = backups.take(actor_dev, instance.place, "disk")
    store.put(f"{row.folder}/0/000001-0123456789abcdef.age", b"of a worker that died")
    assert row.operation is not None
    assert execute(row.operation.pk)
    row.refresh_from_db()
    keys = list(store.keys(row.folder))
    assert len(keys) == 4
    for part in row.parts.all():
        key = parts.part_key(row.folder, 0, part.number, part.sha256)
        store.put(parts.old_key(row.folder, 0, part.number), store.get(key))
        store.remove([key])
    assert b"".join(transfer.fetch(quiet_run(), store, row, 0)) == b"abcdefghij" * 3


def test_data_that_was_put_back_and_is_in_use_stays_when_its_host_cannot_be_tidied(
    backup: Backup, engine: Engine, pool: Pool, moves: Moves, actor_dev: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", 0.0)
    row, operation = begun(actor_dev, backup)
    with monkeypatch.context() as host:
        host.setattr(moves, "remove_marked", away)
        assert execute(operation.pk)
    sweeping.sweep()
    backup_beat.sweep()
    row.refresh_from_db()
    assert (row.state, row.notes["fetched"]) == ("done", False)
    assert pool.data == {"xq-vol-store-1": THEN}
    assert engine.running == set(pool.mounts)
