"""The beat takes what is due and removes what no rule keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from containers.keeping import scheduling
from containers.keeping.models import Snapshot
from containers.keeping.policies import save_policy
from containers.models import Instance
from hosts.models import HostOperation
from hosts.operation_runner import execute
from tests.factories import make_deployment
from tests.keeping.played import Pool, fails

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 30, 12, 10, tzinfo=UTC)


def work() -> None:
    for pk in HostOperation.objects.filter(state="queued").values_list("pk", flat=True):
        execute(pk)


def old(instance: Instance) -> None:
    Instance.objects.filter(pk=instance.pk).update(created=NOW - timedelta(days=40))


def test_by_schedule(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    old(instance)
    scheduling.run(NOW)
    assert not Snapshot.objects.exists()  # nobody asked for any
    save_policy(actor_sre, instance.place, {"every": 6, "at": "00:00"})
    for _again in range(2):
        scheduling.run(NOW)
    row = Snapshot.objects.get()
    assert (row.why, row.who) == ("schedule", "keeping")
    work()
    Snapshot.objects.update(created=NOW)
    scheduling.run(NOW + timedelta(hours=5))
    assert Snapshot.objects.count() == 1
    scheduling.run(NOW + timedelta(hours=6))
    assert Snapshot.objects.count() == 2


def test_one_that_failed_is_tried_again_after_a_while(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    old(instance)
    save_policy(actor_sre, instance.place, {"every": 24, "at": "00:00"})
    pool.wrong["take"] = fails("no_space", "full")
    scheduling.run(NOW)
    work()
    Snapshot.objects.update(created=NOW)
    scheduling.run(NOW + timedelta(minutes=1))
    assert Snapshot.objects.count() == 1
    scheduling.run(NOW + timedelta(minutes=16))
    assert Snapshot.objects.count() == 2


def test_a_release_goes_first(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    old(instance)
    save_policy(actor_sre, instance.place, {"every": 24, "at": "00:00"})
    release = make_deployment(instance.place, "running")
    scheduling.run(NOW)
    assert not Snapshot.objects.exists()
    type(release).objects.update(state="succeeded")
    scheduling.run(NOW)
    assert Snapshot.objects.count() == 1


def test_what_no_rule_keeps_goes_and_what_people_took_stays(
    instance: Instance, stand: Callable[..., Instance], pool: Pool, actor_sre: Any
) -> None:
    save_policy(actor_sre, instance.place, {"keep_last": 2, "keep_daily": 0})
    other = stand()

    def kept(who: Instance, n: int, **more: Any) -> Snapshot:
        values = {"state": "ready", "taken": NOW - timedelta(hours=n), "who": "x", "why": "schedule"} | more
        row = Snapshot.objects.create(instance=who, host=who.host, volumes=[{"name": f"xq-vol-store-{who.number}", "pool": "default", "target": "/data"}], **values)  # fmt: skip
        pool.kept.setdefault(f"xq-vol-store-{who.number}", {})[row.label] = "x"
        return row

    release = make_deployment(instance.place, "running")
    stay = [
        kept(instance, 1), kept(instance, 2), kept(instance, 9, why="hand"), kept(instance, 9, pinned=True),
        kept(instance, 9, why="release", deployment=release), kept(other, 8, why="release"), kept(other, 9),
    ]  # fmt: skip
    go = [kept(instance, 3), kept(instance, 4, why="restore"), kept(other, 10)]
    pool.kept["xq-vol-store-1"]["xq-backup"] = "of an operator"
    scheduling.tidy()
    work()
    assert set(Snapshot.objects.filter(state="gone")) == set(go)
    assert set(Snapshot.objects.filter(state="ready")) == set(stay)
    names = {name for its in pool.kept.values() for name in its}
    assert names == {one.label for one in stay} | {"xq-backup"}
