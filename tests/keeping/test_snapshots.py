"""Snapshots: all volumes at one moment, whatever dies in between; nothing stays held still, nothing half stays behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers import converge
from containers.keeping import seeing, sweeping
from containers.keeping.models import DataVolume, Snapshot
from containers.keeping.policies import policy_of, save_policy
from containers.keeping.services import cancelling, snapshots
from containers.models import Instance
from hosts import operation_runner
from hosts.inventory import Space
from hosts.models import HostOperation, SeenContainer
from hosts.operation_runner import execute
from tests.factories import make_deployment, make_running_place
from tests.keeping.played import Pool, dies, fails
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db(transaction=True)


def begun(actor: Any, instance: Instance) -> Snapshot:
    (row,) = snapshots.take(actor, instance.place, [instance.number], "before the change")
    return row


def run(row: Snapshot) -> Snapshot:
    assert row.operation is not None
    assert execute(row.operation.pk)
    row.refresh_from_db()
    return row


def killed(row: Snapshot) -> None:
    """A worker takes it up and is killed on the way: its lease is nobody's."""
    assert row.operation is not None
    with pytest.raises(SystemExit):
        execute(row.operation.pk)
    HostOperation.objects.filter(pk=row.operation.pk).update(lease="nowhere/1/1/dead", lease_until=None)


def test_a_snapshot_by_hand(instance: Instance, pool: Pool, actor_dev: Any) -> None:
    row = run(begun(actor_dev, instance))
    assert (row.state, row.why, row.reason) == ("ready", "hand", "before the change")
    assert pool.kept == {"xq-vol-store-1": {row.label: "one"}}
    assert pool.still == set()
    assert row.taken is not None
    assert row.manifest["image"] == instance.place.current_image.digest  # type: ignore[union-attr]
    assert "it stood still for" in row.operation.__class__.objects.get(pk=row.operation_id).words
    assert [(one.name, one.target, one.size) for one in DataVolume.objects.all()] == [("xq-vol-store-1", "/data", 3)]
    told = Event.objects.filter(action__startswith="data.").values_list("action", flat=True)
    assert sorted(told) == ["data.snapshot", "data.snapshot.taken"]


def test_who_stands_still_for_a_snapshot_has_no_drift(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    assert instance.current is not None
    SeenContainer.objects.create(
        host=instance.host, engine_id=instance.current.engine_id, name=instance.name, state="paused", seen=timezone.now(),
    )  # fmt: skip
    Instance.objects.filter(pk=instance.pk).update(state="healthy")
    row = run(begun(actor_sre, instance))
    assert converge.converge([instance.pk]) == 0
    instance.refresh_from_db()
    assert (instance.state, instance.drift) == ("healthy", [])
    # An hour later nobody of the platform's holds it: somebody has paused it.
    ago = timezone.now() - timedelta(hours=1)
    Snapshot.objects.filter(pk=row.pk).update(created=ago)
    HostOperation.objects.filter(pk=row.operation_id).update(ended=ago)
    assert converge.converge([instance.pk]) == 1
    instance.refresh_from_db()
    assert ("state", "paused") in [(one["what"], one["found"]) for one in instance.drift]


def test_where_the_pool_does_not_count_the_instance_is_asked(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    pool.counts = False
    seeing.look_at(instance, pool)
    assert [one.size for one in DataVolume.objects.all()] == [3]
    row = run(begun(actor_sre, instance))
    assert [one["size"] for one in row.volumes] == [3]
    # So a snapshot that copies is refused before it fills the pool.
    pool.copies, pool.left = True, Space(100, 2, 0, 0)
    assert run(begun(actor_sre, instance)).state == "failed"


def test_all_who_write_to_a_volume_stand_still(stand: Callable[..., Instance], pool: Pool, actor_sre: Any) -> None:
    first = stand(volume="shared")
    second = stand(volume="shared")
    run(begun(actor_sre, first))
    containers = {one.current.engine_id for one in (first, second) if one.current}
    assert {call.split()[1] for call in pool.calls if call.startswith("freeze")} == containers
    assert pool.still == set()


def test_who_somebody_else_holds_stays_held(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    assert instance.current is not None
    pool.still.add(instance.current.engine_id)
    assert run(begun(actor_sre, instance)).state == "ready"
    assert pool.still == {instance.current.engine_id}


@pytest.mark.parametrize("verb", ["freeze", "take", "thaw"])
def test_a_worker_that_dies_leaves_nobody_held(verb: str, instance: Instance, pool: Pool, actor_sre: Any) -> None:
    row = begun(actor_sre, instance)
    assert instance.current is not None
    pool.still.add(instance.current.engine_id)  # as it is when the worker is killed after the freeze
    Snapshot.objects.filter(pk=row.pk).update(held=[instance.current.engine_id], held_since=row.created)
    pool.wrong[verb] = dies
    killed(row)
    pool.wrong.clear()
    pool.data["xq-vol-store-1"] = "two"
    row = run(row)
    assert (row.state, row.held) == ("ready", [])
    assert pool.still == set()
    assert pool.kept["xq-vol-store-1"] == {row.label: "two"}
    assert pool.calls.index(f"thaw {instance.current.engine_id}") == 0
    assert row.still_ms > 0


def test_a_full_pool(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    pool.wrong["take"] = fails("no_space", "The disk of store-1 is full")
    row = run(begun(actor_sre, instance))
    assert row.state == "failed"
    assert pool.still == set()
    assert pool.kept.get("xq-vol-store-1", {}) == {}
    assert "The disk of store-1 is full" in HostOperation.objects.get(pk=row.operation_id).words


def test_one_that_takes_too_long_is_given_up_and_the_instance_goes_on(
    instance: Instance, pool: Pool, actor_sre: Any
) -> None:
    save_policy(actor_sre, instance.place, {"most_still": 5})
    pool.wrong["take"] = fails("timeout", "store-1 still works on it")
    row = run(begun(actor_sre, instance))
    assert row.state == "failed"
    assert "within 5 s" in HostOperation.objects.get(pk=row.operation_id).words
    assert pool.still == set()


def test_what_was_given_up_is_put_right_by_the_sweep(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    row = begun(actor_sre, instance)
    assert instance.current is not None
    pool.still.add(instance.current.engine_id)
    Snapshot.objects.filter(pk=row.pk).update(held=[instance.current.engine_id], held_since=row.created)
    HostOperation.objects.filter(pk=row.operation_id).update(attempts=operation_runner.MOST_ATTEMPTS)
    sweeping.sweep()
    row.refresh_from_db()
    assert row.state == "taking"  # it is being worked on: the sweep leaves it alone
    run(row)
    assert pool.still
    pool.wrong["thaw"] = fails("unreachable", "away")
    sweeping.sweep()
    row.refresh_from_db()
    assert row.held
    pool.wrong.clear()
    sweeping.sweep()
    row.refresh_from_db()
    assert (row.state, row.held, pool.still) == ("failed", [], set())
    assert "Given up" in row.words
    assert snapshots.take(actor_sre, instance.place)


def test_what_is_refused(
    instance: Instance, pool: Pool, actor_sre: Any, actor_manager: Any, stand: Callable[..., Instance]
) -> None:
    place = instance.place
    with pytest.raises(Denied):
        snapshots.take(actor_manager, place)
    begun(actor_sre, instance)
    with pytest.raises(Refused, match="is being taken"):
        begun(actor_sre, instance)
    with pytest.raises(Refused, match="no instance 7"):
        snapshots.take(actor_sre, place, [7])
    docker = stand()
    docker.host.runtime = "docker"
    docker.host.save()
    with pytest.raises(Refused, match="Docker Engine host"):
        snapshots.take(actor_sre, place, [docker.number])
    make_deployment(place, "running")
    place.refresh_from_db()
    with pytest.raises(Refused, match="under way"):
        snapshots.take(actor_sre, place, [instance.number])
    assert Snapshot.objects.count() == 1


def test_it_is_removed_by_its_name_and_only_ours_go(instance: Instance, pool: Pool, actor_dev: Any) -> None:
    pool.kept["xq-vol-store-1"] = {"monday": "of an operator"}
    row = run(begun(actor_dev, instance))
    assert DataVolume.objects.get().others == ["monday"]
    with pytest.raises(Refused, match=row.label):
        snapshots.remove(actor_dev, row, "monday")
    row = snapshots.remove(actor_dev, row, row.label)
    assert row.state == "dropping"
    with pytest.raises(Refused, match="not ready"):
        snapshots.remove(actor_dev, row, row.label)
    run(row)
    assert row.state == "gone"
    assert pool.kept["xq-vol-store-1"] == {"monday": "of an operator"}


def test_a_removal_that_fails_can_be_asked_for_again(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    row = run(begun(actor_sre, instance))
    pool.wrong["drop"] = fails("unreachable", "away")
    row = run(snapshots.remove(actor_sre, row, row.label))
    sweeping.sweep()
    row.refresh_from_db()
    assert row.state == "ready"
    pool.wrong.clear()
    assert run(snapshots.remove(actor_sre, row, row.label)).state == "gone"


def test_a_policy_is_as_usual_until_somebody_says_otherwise(
    instance: Instance, actor_dev: Any, actor_manager: Any
) -> None:
    place = instance.place
    assert (policy_of(place).every, policy_of(place).release) == (0, True)
    assert save_policy(actor_dev, place, {"every": 6, "keep_daily": 0}).keep_daily == 0
    assert policy_of(place).every == 6
    for wrong, field in [({"every": 5}, "every"), ({"at": "25:00"}, "at"), ({"keep_last": 0}, "keep_last"), ({"release": 1}, "release"),
                         ({"keep_daily": 10**4300}, "keep_daily"), ({"x": 1}, "x")]:  # fmt: skip
        with pytest.raises(Refused) as refused:
            save_policy(actor_dev, place, wrong)
        assert refused.value.field == field
    with pytest.raises(Denied):
        save_policy(actor_manager, place, {"every": 0})


def test_who_may_take_one_may_break_it_off(
    instance: Instance, stand: Callable[..., Instance], pool: Pool, actor_dev: Any, actor_manager: Any
) -> None:
    row = begun(actor_dev, instance)
    assert row.operation is not None
    with pytest.raises(Denied):
        cancelling.cancel(actor_manager, instance.place, row.operation.pk)
    for number in (0, row.operation.pk + 1):
        with pytest.raises(Refused, match="no such operation"):
            cancelling.cancel(actor_dev, instance.place, number)
    other = make_running_place("snow", instances=1, team=instance.place.service.team)
    with pytest.raises(Refused, match="no such operation"):
        cancelling.cancel(actor_dev, other, row.operation.pk)
    assert cancelling.cancel(actor_dev, instance.place, row.operation.pk).state == "cancelled"  # it had not begun
    sweeping.sweep()
    row.refresh_from_db()
    assert (row.state, pool.kept) == ("failed", {})

    # One that is under way stops between two volumes: what there is of it goes, and nobody stays held.
    second = begun(actor_dev, instance)
    assert second.operation is not None
    pool.mounts[next(iter(pool.mounts))]["/more"] = "xq-vol-more"
    pool.data["xq-vol-more"] = "more"
    operation = second.operation

    def asked() -> None:
        HostOperation.objects.filter(pk=operation.pk).update(ask_cancel=True)
        time.sleep(1)  # it is looked at three times a second

    pool.wrong["take"] = asked
    execute(operation.pk)
    second.refresh_from_db()
    operation.refresh_from_db()
    assert (operation.state, second.state, pool.still) == ("cancelled", "failed", set())
    assert not any(its for its in pool.kept.values())
