"""Data is put back where the instance has it, or nowhere; a way back is not lost to a death, nor to a container that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from containers.keeping import sweeping
from containers.keeping.models import Restore, Snapshot
from containers.keeping.services import restores
from containers.models import Instance, Step
from containers.services import holders, steering
from hosts.models import HostOperation
from tests.keeping.played import Pool, dies, fails
from tests.keeping.test_releasing import KEEPER, go_on, save
from tests.keeping.test_releasing import old as old  # noqa: PLC0414  a fixture
from tests.keeping.test_releasing import step as step  # noqa: PLC0414  a fixture
from tests.keeping.test_restores import Engine, run
from tests.keeping.test_restores import engine as engine  # noqa: PLC0414  a fixture
from tests.keeping.test_restores import snapshot as snapshot  # noqa: PLC0414  a fixture
from xqplatform.accounts.actor import Actor

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_that_dies_over_what_the_new_version_wrote_does_not_lose_it(
    step: Step, old: list[str], pool: Pool, actor_sre: Actor
) -> None:
    before = save(step, old)
    pool.data["xq-vol-store-1"] = "of the new version"
    steering.rollback(actor_sre, step.deployment, data_back=True)
    pool.wrong["take"] = dies
    with pytest.raises(SystemExit):
        KEEPER.put_back(step, go_on)
    pool.wrong.clear()
    KEEPER.put_back(step, go_on)
    row = Restore.objects.get()
    assert row.safety is not None
    assert pool.kept["xq-vol-store-1"] == {before.label: "one", row.safety.label: "of the new version"}
    assert Snapshot.objects.filter(state="ready").count() == 2


def test_one_of_a_volume_that_the_instance_has_no_more_is_not_put_back_in_vain(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Actor
) -> None:
    [container] = pool.mounts
    pool.data["xq-vol-new"] = "new"
    pool.mounts[container] = {"/data": "xq-vol-new"}  # a release named another volume
    row = run(restores.restore(actor_sre, snapshot, instance.name))
    assert row.state == "failed"
    assert "does not have the volume xq-vol-store-1 any more" in HostOperation.objects.get(pk=row.operation_id).words
    assert pool.data == {"xq-vol-store-1": "two", "xq-vol-new": "new"}
    assert engine.calls.count("stop") == 0


def test_a_container_that_somebody_removed_meanwhile_does_not_hold_the_place_for_ever(
    instance: Instance,
    engine: Engine,
    pool: Pool,
    snapshot: Snapshot,
    actor_sre: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_args: Any) -> None:
        fails("not_found", "There is no such container.")()

    def removed(*_args: Any) -> None:
        monkeypatch.setattr(engine, "start", gone)
        monkeypatch.setattr(engine, "stop", gone)
        fails("other", "It cannot be put back.")()

    with monkeypatch.context() as death:
        death.setattr(pool, "put_back", removed)
        row = run(restores.restore(actor_sre, snapshot, instance.name))
    sweeping.sweep()
    row.refresh_from_db()
    assert row.state == "failed"
    assert pool.data == {"xq-vol-store-1": "two"}
    assert holders.held_by(instance.place) == ""
    instance.refresh_from_db()
    assert instance.wanted_state == "running"
