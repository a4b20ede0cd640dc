"""Data is put back in place from a backup: a worker dies anywhere, the backup is damaged, or the instance is not well with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from containers.keeping import backup_beat, parts, recover_work, sweeping
from containers.keeping.models import Backup, BackupTarget, Restore
from containers.keeping.services import backups, recoveries
from containers.keeping.stores.opening import open_store
from containers.models import Instance
from hosts.models import HostOperation
from hosts.operation_runner import execute
from tests.keeping.played import Pool, dies, fails
from tests.keeping.played_moves import Moves
from tests.keeping.test_backups import disk as disk  # noqa: PLC0414  a fixture
from tests.keeping.test_backups import moves as moves  # noqa: PLC0414  a fixture
from tests.keeping.test_backups import taken
from tests.keeping.test_restores import Engine
from tests.keeping.test_restores import engine as engine  # noqa: PLC0414  a fixture
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db(transaction=True)
THEN, NOW = "abcdefghij" * 3, "two"


@pytest.fixture
def backup(moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool) -> Backup:
    pool.data["xq-vol-store-1"] = THEN
    row = taken(actor_dev, instance)
    pool.data["xq-vol-store-1"] = NOW
    return row


def begun(actor: Actor, backup: Backup) -> tuple[Restore, HostOperation]:
    row = recoveries.recover(actor, backup, backup.instance.name)
    assert row.operation is not None
    return row, row.operation


def test_it_is_as_it_was_and_what_was_there_before_is_kept(
    backup: Backup, engine: Engine, pool: Pool, actor_dev: Actor
) -> None:
    row, operation = begun(actor_dev, backup)
    with pytest.raises(Refused, match="a restore uses it"):
        backups.remove(actor_dev, backup, backup.label)
    with pytest.raises(Refused, match="puts the data"):
        recoveries.recover(actor_dev, backup, backup.instance.name)
    assert execute(operation.pk)
    row.refresh_from_db()
    assert (row.state, row.source) == ("done", backup.label)
    assert row.safety is not None
    assert pool.kept["xq-vol-store-1"][row.safety.label] == NOW
    assert pool.data == {"xq-vol-store-1": THEN}
    assert (engine.running, pool.still) == (set(pool.mounts), set())
    event = Event.objects.get(action="data.restored")
    assert event.after["backup"] == backup.pk
    assert Instance.objects.get().wanted_state == "running"


@pytest.mark.parametrize("where", ["fetch", "take", "stop", "overwrite", "start", "tidy"])
def test_a_worker_dies_and_the_next_goes_on(
    backup: Backup,
    engine: Engine,
    pool: Pool,
    moves: Moves,
    actor_dev: Actor,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, operation = begun(actor_dev, backup)
    spots: dict[str, tuple[Any, str]] = {
        "fetch": (moves, "take_in"), "take": (pool, "take"), "stop": (engine, "stop"), "overwrite": (moves, "overwrite"),
        "start": (engine, "start"), "tidy": (moves, "remove_marked"),
    }  # fmt: skip
    subject, verb = spots[where]
    real: Callable[..., Any] = getattr(subject, verb)

    def deadly(*args: Any, **options: Any) -> None:
        real(*args, **options)  # it got through, and nobody noted it
        dies()

    with monkeypatch.context() as deaths:
        deaths.setattr(subject, verb, deadly)
        with pytest.raises(SystemExit):
            execute(operation.pk)
    HostOperation.objects.update(lease="")
    assert execute(operation.pk)
    row.refresh_from_db()
    operation.refresh_from_db()
    assert (row.state, operation.attempts) == ("done", 2), operation.words
    assert pool.data == {"xq-vol-store-1": THEN}
    assert (engine.running, pool.still) == (set(pool.mounts), set())
    assert row.safety is not None
    assert pool.kept["xq-vol-store-1"] == {row.safety.label: NOW}


def test_a_damaged_backup_touches_nothing(
    backup: Backup, engine: Engine, pool: Pool, disk: BackupTarget, actor_dev: Actor
) -> None:
    store, part = open_store(disk), backup.parts.get(number=2)
    key = parts.part_key(backup.folder, 0, 2, part.sha256)
    for data, words in ((b"nonsense", "damaged"), (store.get(key)[:-1], "damaged"), (None, "not whole")):
        if data is None:
            store.remove([key])
        else:
            store.put(key, data)
        row, operation = begun(actor_dev, backup)
        assert execute(operation.pk)
        row.refresh_from_db()
        operation.refresh_from_db()
        assert (row.state, operation.state) == ("failed", "failed")
        assert words in operation.words
        assert engine.calls == []
        assert pool.data == {"xq-vol-store-1": NOW}
        assert pool.kept["xq-vol-store-1"] == {}


def test_an_instance_that_is_not_well_with_it_gets_its_data_back(
    backup: Backup, engine: Engine, pool: Pool, actor_dev: Actor
) -> None:
    engine.ill = THEN
    row, operation = begun(actor_dev, backup)
    assert execute(operation.pk)
    row.refresh_from_db()
    assert row.state == "failed"
    assert pool.data == {"xq-vol-store-1": NOW}
    assert engine.running == set(pool.mounts)


def test_what_nobody_could_undo_is_put_right_by_the_sweep(
    backup: Backup, engine: Engine, pool: Pool, moves: Moves, actor_dev: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, operation = begun(actor_dev, backup)

    def broken_off(*_args: Any, **_options: Any) -> None:
        pool.data["xq-vol-store-1"] = "half of it"
        fails("unreachable", "It broke off.")()

    with monkeypatch.context() as away:
        away.setattr(moves, "overwrite", broken_off)
        away.setattr(engine, "start", lambda _container: fails("unreachable", "It is away.")())
        assert execute(operation.pk)
    row.refresh_from_db()
    assert row.state == "running"
    sweeping.sweep()
    backup_beat.sweep()
    row.refresh_from_db()
    assert (row.state, row.notes["fetched"]) == ("failed", False)
    assert pool.data == {"xq-vol-store-1": NOW}
    assert engine.running == set(pool.mounts)


def test_what_is_refused(backup: Backup, engine: Engine, pool: Pool, actor_dev: Actor, actor_manager: Actor) -> None:
    with pytest.raises(Denied):
        recoveries.recover(actor_manager, backup, backup.instance.name)
    with pytest.raises(Refused, match="not the name"):
        recoveries.recover(actor_dev, backup, "store")
    [container] = pool.mounts
    pool.mounts[container] = {"/elsewhere": "xq-vol-store-1"}
    row, operation = begun(actor_dev, backup)
    assert execute(operation.pk)
    operation.refresh_from_db()
    assert "no volume at /data" in operation.words
    assert (engine.calls, pool.data) == ([], {"xq-vol-store-1": NOW})
    row.refresh_from_db()
    assert recover_work.mark_of(row) == f"xq-rec-{row.pk}-"


def test_a_pool_that_would_lose_snapshots_for_it_is_left_alone(
    backup: Backup, engine: Engine, pool: Pool, moves: Moves, actor_dev: Actor
) -> None:
    pool.newest, running = True, set(engine.running)
    row, operation = begun(actor_dev, backup)
    execute(operation.pk)
    row.refresh_from_db()
    operation.refresh_from_db()
    assert (row.state, pool.data, moves.labels) == ("failed", {"xq-vol-store-1": NOW}, {})
    assert "only while it has no snapshots" in operation.words
    assert engine.running == running
