"""Data is put back in place: what was there before is kept, and comes back when the instance is not well with the old."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from containers.keeping import restoring, sweeping
from containers.keeping.models import Restore, Snapshot
from containers.keeping.services import restores, snapshots
from containers.models import Container, Instance
from containers.services import holders, releases
from hosts.engine import EngineError
from hosts.models import HostOperation
from hosts.operation_runner import MOST_ATTEMPTS, execute
from tests.factories import make_config, make_deployment
from tests.keeping.played import Pool, dies, fails
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db(transaction=True)


class Engine:
    """Starts and stops; `ill`: data with which a container is not well."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.running, self.ill, self.calls = pool, set(pool.mounts), "", list[str]()

    def stop(self, container: str) -> None:
        self.calls.append("stop")
        self.running.discard(container)

    def start(self, container: str) -> None:
        if "start" in self.pool.wrong:
            self.pool.wrong["start"]()
        self.calls.append("start")
        self.running.add(container)

    def inspect(self, container: str) -> dict[str, Any]:
        if container not in self.pool.mounts:
            raise EngineError("not_found", container)
        content = [self.pool.data[name] for name in self.pool.mounts[container].values()]
        health = {"Status": "unhealthy" if self.ill and self.ill in content else "healthy"}
        running = container in self.running
        return {
            "State": {"Running": running, "Status": "running" if running else "exited", "Health": health},
            "Config": {"Healthcheck": {"Test": ["CMD", "true"]}},
        }


@pytest.fixture
def engine(pool: Pool, instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine(pool)
    monkeypatch.setattr(restoring, "connect", lambda host: made)
    real = pool.put_back

    def put_back(volume: Any, snapshot: str, timeout: float) -> None:
        users = {one for one, its in pool.mounts.items() if volume.name in its.values()}
        assert not users & made.running, "put back under a running container"
        real(volume, snapshot, timeout)

    monkeypatch.setattr(pool, "put_back", put_back)
    return made


@pytest.fixture
def snapshot(instance: Instance, pool: Pool, actor_sre: Any) -> Snapshot:
    (row,) = snapshots.take(actor_sre, instance.place)
    assert row.operation is not None
    assert execute(row.operation.pk)
    row.refresh_from_db()
    pool.data["xq-vol-store-1"] = "two"
    return row


def run(row: Restore) -> Restore:
    assert row.operation is not None
    execute(row.operation.pk)
    row.refresh_from_db()
    return row


def test_what_was_is_there_again_and_what_is_now_is_kept(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_dev: Any
) -> None:
    row = run(restores.restore(actor_dev, snapshot, instance.name, "lost a table"))
    assert (row.state, pool.data) == ("done", {"xq-vol-store-1": "one"})
    assert row.safety is not None
    assert pool.kept["xq-vol-store-1"] == {snapshot.label: "one", row.safety.label: "two"}
    assert Snapshot.objects.get(pk=row.safety.pk).state == "ready"
    # Whoever comes late takes nothing back: it is in use.
    calls = list(engine.calls)
    restoring.go_back(row, pool)  # type: ignore[arg-type]
    assert (row.state, pool.data, engine.calls) == ("done", {"xq-vol-store-1": "one"}, calls)
    assert engine.running == set(pool.mounts)
    instance.refresh_from_db()
    assert instance.wanted_state == "running"
    told = list(Event.objects.filter(action__startswith="data.resto").order_by("pk").values_list("action", flat=True))
    assert told == ["data.restore", "data.restored"]
    # And back again to what was there before.
    assert run(restores.restore(actor_dev, row.safety, instance.name)).state == "done"
    assert pool.data == {"xq-vol-store-1": "two"}


def test_one_that_is_not_well_with_the_old_data_has_its_own_again(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any
) -> None:
    engine.ill = "one"
    row = run(restores.restore(actor_sre, snapshot, instance.name))
    assert (row.state, pool.data) == ("failed", {"xq-vol-store-1": "two"})
    assert "unhealthy" in HostOperation.objects.get(pk=row.operation_id).words
    assert engine.running == set(pool.mounts)
    instance.refresh_from_db()
    assert instance.wanted_state == "running"


def test_without_a_safety_that_is_said(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any
) -> None:
    engine.ill = "one"
    row = run(restores.restore(actor_sre, snapshot, instance.name, save=False))
    assert (row.state, pool.data) == ("failed", {"xq-vol-store-1": "one"})
    assert "Nothing was kept" in row.words


def test_a_full_pool_touches_nothing(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any
) -> None:
    pool.wrong["take"] = fails("no_space", "full")
    row = run(restores.restore(actor_sre, snapshot, instance.name))
    assert (row.state, pool.data) == ("failed", {"xq-vol-store-1": "two"})
    assert "stop" not in engine.calls
    assert row.safety is not None
    assert Snapshot.objects.get(pk=row.safety.pk).state == "failed"
    assert pool.kept["xq-vol-store-1"] == {snapshot.label: "one"}


@pytest.mark.parametrize("point", ["take", "put_back", "start"])
def test_a_worker_that_dies_is_followed(
    point: str, instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any
) -> None:
    row = restores.restore(actor_sre, snapshot, instance.name)
    assert row.operation is not None
    pool.wrong[point] = dies
    with pytest.raises(SystemExit):
        execute(row.operation.pk)
    HostOperation.objects.filter(pk=row.operation.pk).update(lease="nowhere/1/1/dead", lease_until=None)
    pool.wrong.clear()
    row = run(row)
    assert (row.state, pool.data) == ("done", {"xq-vol-store-1": "one"})
    assert row.safety is not None
    assert pool.kept["xq-vol-store-1"][row.safety.label] == "two"
    assert engine.running == set(pool.mounts)
    assert pool.still == set()


def test_what_all_workers_died_over_is_put_right_by_the_sweep(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any
) -> None:
    row = restores.restore(actor_sre, snapshot, instance.name)
    assert row.operation is not None
    pool.wrong["start"] = dies
    with pytest.raises(SystemExit):
        execute(row.operation.pk)
    dead = {"lease": "nowhere/1/1/dead", "lease_until": None, "attempts": MOST_ATTEMPTS}
    HostOperation.objects.filter(pk=row.operation.pk).update(**dead)
    sweeping.sweep()
    assert Restore.objects.get().state == "running"
    run(row)
    pool.wrong.clear()
    assert engine.running == set()
    sweeping.sweep()
    assert (Restore.objects.get().state, pool.data) == ("failed", {"xq-vol-store-1": "two"})
    assert engine.running == set(pool.mounts)
    assert holders.held_by(instance.place) == ""


def test_nothing_else_is_done_to_the_place_meanwhile(
    instance: Instance, engine: Engine, snapshot: Snapshot, actor_sre: Any
) -> None:
    row = restores.restore(actor_sre, snapshot, instance.name)
    for verb in (
        lambda: releases.restart(actor_sre, instance.place),
        lambda: snapshots.take(actor_sre, instance.place),
        lambda: restores.restore(actor_sre, snapshot, instance.name),
    ):
        with pytest.raises(Refused, match="puts the data of store-production-1 back"):
            verb()
    run(row)
    assert releases.restart(actor_sre, instance.place).pk


def test_what_is_refused(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any, actor_manager: Any
) -> None:
    with pytest.raises(Denied):
        restores.restore(actor_manager, snapshot, instance.name)
    with pytest.raises(Refused, match="not the name") as refused:
        restores.restore(actor_sre, snapshot, snapshot.label)
    assert refused.value.field == "name"
    make_deployment(instance.place, "running")
    with pytest.raises(Refused, match="under way"):
        restores.restore(actor_sre, snapshot, instance.name)
    assert not Restore.objects.exists()


def test_a_stranger_with_the_volume_stops_it_before_anything_is_stopped(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any
) -> None:
    pool.mounts["stranger"] = {"/elsewhere": "xq-vol-store-1"}
    row = run(restores.restore(actor_sre, snapshot, instance.name))
    assert row.state == "failed"
    assert "Somebody else's container" in HostOperation.objects.get(pk=row.operation_id).words
    assert engine.calls.count("stop") == 0
    assert pool.data["xq-vol-store-1"] == "two"


def test_a_neighbour_of_the_place_with_the_volume_stops_and_starts_with_it(
    stand: Callable[..., Instance], instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any
) -> None:
    other = stand(volume="xq-vol-store-1")
    container = Container.objects.get(instance=other)
    assert run(restores.restore(actor_sre, snapshot, instance.name)).state == "done"
    assert container.engine_id not in engine.running  # it did not run before
    engine.running.add(container.engine_id)
    assert run(restores.restore(actor_sre, snapshot, instance.name)).state == "done"
    assert container.engine_id in engine.running


def test_where_only_the_newest_is_put_back_that_is_said_before_anybody_is_stopped(
    instance: Instance, engine: Engine, pool: Pool, snapshot: Snapshot, actor_sre: Any
) -> None:
    """What is kept of now would be the newest; so is whatever somebody took since."""
    pool.newest, running = True, set(engine.running)
    pool.wrong["freeze"] = fails("other", "somebody is held still")
    row = run(restores.restore(actor_sre, snapshot, instance.name))
    said = HostOperation.objects.get(pk=row.operation_id).words
    assert (row.state, pool.data) == ("failed", {"xq-vol-store-1": "two"})
    assert "put it back without keeping what is there now" in said
    assert row.safety is not None
    assert Snapshot.objects.get(pk=row.safety.pk).state == "failed"
    pool.kept["xq-vol-store-1"]["monday"] = "two"
    row = run(restores.restore(actor_sre, snapshot, instance.name, save=False))
    assert (row.state, pool.data) == ("failed", {"xq-vol-store-1": "two"})
    assert "monday came after it" in HostOperation.objects.get(pk=row.operation_id).words
    assert engine.running == running
    del pool.kept["xq-vol-store-1"]["monday"]
    row = run(restores.restore(actor_sre, snapshot, instance.name, save=False))
    assert (row.state, pool.data) == ("done", {"xq-vol-store-1": "one"})


def test_who_has_traffic_is_told_to_stop_first_and_one_that_is_stopped_stays_so(
    client: Client, sre: Any, actor_sre: Any, snapshot: Snapshot, instance: Instance, engine: Engine, pool: Pool
) -> None:
    client.force_login(sre)
    url = f"/snapshots/{snapshot.pk}/restore/"
    assert "stop the instance first" not in client.get(url).content.decode()
    place = instance.place
    hook = {"name": "drain", "at": "stop.before", "kind": "command", "command": ["/bin/drain"]}
    place.current_config = make_config(place, {"hooks": [hook]})
    place.save()
    assert "stop the instance first" in client.get(url).content.decode()

    Instance.objects.update(wanted_state="stopped")
    engine.running.clear()
    row = restores.restore(actor_sre, snapshot, instance.name)
    assert row.operation is not None
    assert execute(row.operation.pk)
    row.refresh_from_db()
    instance.refresh_from_db()
    assert (row.state, pool.data["xq-vol-store-1"], instance.wanted_state) == ("done", "one", "stopped")
    assert not engine.running
