"""A snapshot or a backup that somebody works with now is not taken away from under them, whoever asks and whenever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from containers.keeping import scheduling, sweeping
from containers.keeping.models import Backup, BackupTarget, Snapshot
from containers.keeping.services import backups, cancelling, restores, snapshots
from containers.models import Deployment, Instance, Step
from hosts.operation_runner import execute
from tests.keeping.played import Pool, fails
from tests.keeping.played_moves import Moves
from tests.keeping.test_backups import disk as disk  # noqa: PLC0414  a fixture
from tests.keeping.test_backups import moves as moves  # noqa: PLC0414  a fixture
from tests.keeping.test_releasing import old as old  # noqa: PLC0414  a fixture
from tests.keeping.test_releasing import save
from tests.keeping.test_releasing import step as step  # noqa: PLC0414  a fixture
from tests.keeping.test_restores import Engine, run
from tests.keeping.test_restores import engine as engine  # noqa: PLC0414  a fixture
from tests.keeping.test_restores import snapshot as snapshot  # noqa: PLC0414  a fixture
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_put_back_now_and_what_was_there_before_stay(
    instance: Instance,
    engine: Engine,
    pool: Pool,
    snapshot: Snapshot,
    actor_sre: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = []
    real = pool.put_back

    def put_back(*args: Any) -> None:
        for row in Snapshot.objects.filter(state="ready"):
            with pytest.raises(Refused, match="used"):
                snapshots.remove(actor_sre, row, row.label)
            refused.append(row.pk)
        real(*args)

    monkeypatch.setattr(pool, "put_back", put_back)
    row = run(restores.restore(actor_sre, snapshot, instance.name))
    assert row.state == "done"
    assert set(refused) == {snapshot.pk, row.safety_id}
    snapshots.remove(actor_sre, snapshot, snapshot.label)


def test_what_a_release_may_go_back_to_stays_as_long_as_it_runs(
    step: Step, old: list[str], pool: Pool, actor_sre: Actor
) -> None:
    row = save(step, old)
    with pytest.raises(Refused, match="used"):
        snapshots.remove(actor_sre, row, row.label)
    Deployment.objects.update(state="succeeded")
    snapshots.remove(actor_sre, row, row.label)


def test_the_snapshot_of_a_backup_is_the_backup_s(
    moves: Moves, disk: BackupTarget, instance: Instance, actor_dev: Actor, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = moves.clone

    def clone(*args: Any, **options: Any) -> None:
        row = Snapshot.objects.get()
        with pytest.raises(Refused, match="used"):
            snapshots.remove(actor_dev, row, row.label)
        with pytest.raises(Refused, match="goes with the end"):
            snapshots.pin(actor_dev, row, True)
        seen.append(row.pk)
        real(*args, **options)

    monkeypatch.setattr(moves, "clone", clone)
    [row] = backups.take(actor_dev, instance.place, "disk")
    assert row.operation is not None
    assert execute(row.operation.pk)
    assert Backup.objects.get().state == "ready"
    assert seen


def test_what_is_pinned_while_the_rules_are_read_stays(
    snapshot: Snapshot, pool: Pool, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    Snapshot.objects.update(why="schedule")
    real = snapshots.drop

    def drop(*args: Any, **options: Any) -> Any:
        snapshots.pin(actor_sre, snapshot, True)
        return real(*args, **options)

    monkeypatch.setattr(scheduling, "spared", lambda *_a: set())
    monkeypatch.setattr(snapshots, "drop", drop)
    scheduling.tidy()
    snapshot.refresh_from_db()
    assert snapshot.state == "ready"


def test_one_of_which_a_part_is_gone_is_none_that_can_be_put_back(
    instance: Instance, snapshot: Snapshot, pool: Pool, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.data["xq-vol-logs"], pool.kept["xq-vol-logs"] = "lines", {snapshot.label: "lines"}
    snapshot.volumes = [*snapshot.volumes, {"name": "xq-vol-logs", "pool": "default", "target": "/logs", "size": 5}]
    snapshot.save()
    real: Callable[..., None] = pool.drop

    def drop(volume: Any, name: str, timeout: float) -> None:
        if volume.name == "xq-vol-logs":
            fails("unreachable", "The host is away.")()
        real(volume, name, timeout)

    with monkeypatch.context() as away:
        away.setattr(pool, "drop", drop)
        row = snapshots.remove(actor_sre, snapshot, snapshot.label)
        assert row.operation is not None
        assert execute(row.operation.pk)
        sweeping.sweep()
        row.refresh_from_db()
        assert row.state == "dropping"  # half of it is gone: it is not ready, and the rest goes once the host is back
    sweeping.sweep()
    row.refresh_from_db()
    assert row.state == "gone"
    assert pool.kept["xq-vol-logs"] == {}


def test_who_may_not_put_data_back_does_not_undo_that_either(
    instance: Instance, engine: Engine, snapshot: Snapshot, actor_sre: Actor, actor_dev: Actor, monkeypatch: Any
) -> None:
    row = restores.restore(actor_sre, snapshot, instance.name)
    assert row.operation is not None
    held = [
        one.__class__(one.role, one.rights - {"data.restore"}, one.scope, member=one.member) for one in actor_dev.held
    ]
    monkeypatch.setitem(actor_dev.__dict__, "held", tuple(held))
    with pytest.raises(Denied):
        cancelling.cancel(actor_dev, instance.place, row.operation.pk)
    assert cancelling.cancel(actor_sre, instance.place, row.operation.pk).ask_cancel
