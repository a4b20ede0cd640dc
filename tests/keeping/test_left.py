"""What removed instances leave behind: told before, kept for its time, brought back, or removed for good; nobody else's is touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from containers import gone
from containers.finish import give_back
from containers.keeping import left
from containers.keeping.models import DataVolume, LeftData, Snapshot
from containers.keeping.services import left as verbs
from containers.models import Container, Deployment, Instance, Service, Step
from hosts.models import HostOperation
from hosts.operation_runner import execute
from tests.factories import make_host
from tests.keeping.played import Pool, dies
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db(transaction=True)


def goes(instance: Instance, pool: Pool) -> LeftData:
    """Its container is gone from the host, and then the instance."""
    DataVolume.objects.create(
        instance=instance, host=instance.host, name="xq-vol-store-1", pool="default", target="/data", size=3, seen=timezone.now()
    )  # fmt: skip
    container = instance.current
    assert container is not None
    pool.mounts.pop(container.engine_id)
    Container.objects.filter(pk=container.pk).update(ended=timezone.now())
    with transaction.atomic():
        give_back(instance)
    return LeftData.objects.get(state="kept")


def overdue(row: LeftData) -> HostOperation:
    """The beat comes after its time."""
    LeftData.objects.filter(pk=row.pk).update(until=timezone.now() - timedelta(seconds=1))
    verbs.sweep()
    row.refresh_from_db()
    assert row.operation is not None, row.words
    return row.operation


def test_what_goes_is_told_before_and_kept(instance: Instance, pool: Pool, settings: Any) -> None:
    settings.DATA_GRACE_DAYS = 9
    first, *rest = gone.losses([instance])
    assert "store-production-1 on store-1: volumes not looked at yet. Newest snapshot: none" in first
    assert "for 9 days" in rest[0]
    row = goes(instance, pool)
    assert (row.numbers, row.volumes[0]["name"], row.size) == ([1], "xq-vol-store-1", 3)
    assert row.until - row.left == timedelta(days=9)
    assert "xq-vol-store-1 (0.0 MiB)" in gone.losses([instance])[0]
    verbs.sweep()
    row.refresh_from_db()
    assert (row.state, pool.data) == ("kept", {"xq-vol-store-1": "one"})
    assert Event.objects.get(action="data.left").after["volumes"] == ["xq-vol-store-1"]


def test_what_each_of_several_had_for_itself_is_told_and_goes(
    instance: Instance, stand: Callable[..., Instance], pool: Pool
) -> None:
    second = stand(volume="xq-vol-store-1")
    Instance.objects.filter(pk=second.pk).update(host=instance.host)
    second.refresh_from_db()
    for one in (instance, second):
        pool.data[name := f"xq-vol-{one.name}.persist"] = "its own"
        DataVolume.objects.create(
            instance=one, host=instance.host, name=name, pool="default", target="/persist", size=7, seen=timezone.now()
        )
    current = instance.current
    assert current is not None
    pool.mounts.pop(current.engine_id)
    with transaction.atomic():
        give_back(instance)
    assert not LeftData.objects.exists()  # the other one has what both have
    Instance.objects.filter(pk=instance.pk).update(removed=timezone.now() - timedelta(days=3))
    row = goes(second, pool)
    own = ["xq-vol-store-production-1.persist", "xq-vol-store-production-2.persist"]
    assert sorted(one["name"] for one in row.volumes) == ["xq-vol-store-1", *own]
    assert execute(overdue(row).pk)
    assert pool.data == {}
    assert not DataVolume.objects.exists()


def test_a_docker_host_leaves_nothing(instance: Instance, pool: Pool) -> None:
    instance.host.runtime = "docker"
    instance.host.save()
    assert gone.losses([instance]) == []
    with transaction.atomic():
        give_back(instance)
    assert not LeftData.objects.exists()


def test_it_goes_for_good_after_its_time_with_its_snapshots(instance: Instance, pool: Pool) -> None:
    pool.kept["xq-vol-store-1"] = {"xq-7": "old"}
    snapshot = Snapshot.objects.create(
        instance=instance, host=instance.host, state="ready", volumes=[{"name": "xq-vol-store-1", "pool": "default"}]
    )
    pool.data["elsewhere"] = "theirs"
    row = goes(instance, pool)
    operation = overdue(row)
    # A worker that dies is followed by one that ends it.
    pool.wrong["remove"] = dies
    with pytest.raises(SystemExit):
        execute(operation.pk)
    HostOperation.objects.filter(pk=operation.pk).update(lease="nowhere/1/1/dead", lease_until=None)
    pool.wrong.clear()
    assert execute(operation.pk)
    row.refresh_from_db()
    snapshot.refresh_from_db()
    assert (row.state, snapshot.state, pool.data) == ("gone", "gone", {"elsewhere": "theirs"})
    assert Event.objects.filter(action="data.gone").count() == 1


def test_what_has_a_pinned_snapshot_is_removed_by_people_only(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    row = goes(instance, pool)
    mine = Snapshot.objects.create(
        instance=instance, host=instance.host, state="ready", volumes=row.volumes, pinned=True, who="gaolei"
    )
    LeftData.objects.filter(pk=row.pk).update(until=timezone.now() - timedelta(seconds=1))
    verbs.sweep()
    row.refresh_from_db()
    assert (row.state, row.operation) == ("kept", None)
    assert mine.label in row.words
    verbs.remove(actor_sre, row, instance.place.service.slug)
    row.refresh_from_db()
    assert row.state == "removing"


@pytest.mark.parametrize("what", ["used", "foreign snapshot", "foreign name", "stands"])
def test_what_somebody_else_has_is_left_alone(what: str, instance: Instance, pool: Pool) -> None:
    row = goes(instance, pool)
    LeftData.objects.filter(pk=row.pk).update(until=timezone.now())
    if what == "foreign name":
        pool.data["theirs"] = "theirs"
        LeftData.objects.filter(pk=row.pk).update(volumes=[{"name": "theirs", "pool": "default", "target": ""}])
    operation = overdue(row)
    if what == "used":
        pool.mounts["another"] = {"/data": "xq-vol-store-1"}
    elif what == "foreign snapshot":
        pool.kept["xq-vol-store-1"] = {"before-upgrade": "x"}
    elif what == "stands":
        Instance.objects.update(removed=None)
    before = dict(pool.data)
    assert execute(operation.pk)
    assert pool.data == before
    left.settle()
    row.refresh_from_db()
    assert row.state == "kept"
    assert row.words
    assert row.until > timezone.now(), "tried again later, not at once"


def test_it_is_in_use_again_when_an_instance_stands_there(instance: Instance, pool: Pool) -> None:
    row = goes(instance, pool)
    Instance.objects.update(removed=None)
    LeftData.objects.filter(pk=row.pk).update(until=timezone.now())
    verbs.sweep()
    row.refresh_from_db()
    assert (row.state, row.operation, pool.data) == ("back", None, {"xq-vol-store-1": "one"})


def test_a_removed_service_is_brought_back_where_its_data_lies(
    instance: Instance, pool: Pool, actor_manager: Any, actor_sre: Any
) -> None:
    for n in range(3):
        make_host(f"empty-{n}", runtime="lxd", api_version="1.0")
    row = goes(instance, pool)
    place = instance.place
    Service.objects.update(removed=timezone.now(), removal_asked=timezone.now())
    type(place).objects.update(current_image=None, current_config=None)
    with pytest.raises(Denied):
        verbs.bring_back(actor_manager, row)
    begun = verbs.bring_back(actor_sre, row, "was a mistake")
    assert (begun.kind, begun.image, begun.place) == ("deploy", row.image, place)
    assert [(step.action, step.instance.host) for step in Step.objects.filter(deployment=begun)] == [("add", row.host)]
    assert Service.objects.get().removed is None
    verbs.sweep()
    row.refresh_from_db()
    assert row.state == "back"
    with pytest.raises(Refused, match="not kept"):
        verbs.bring_back(actor_sre, row)
    assert Event.objects.filter(action="service.revive").count() == 1


def test_of_a_place_that_grew_smaller_the_number_comes_back(
    stand: Callable[..., Instance], pool: Pool, actor_sre: Any
) -> None:
    first, second = stand(), stand()
    row = goes(second, pool)
    begun = verbs.bring_back(actor_sre, row)
    assert begun.kind == Deployment.Kind.SCALE
    step = Step.objects.get(deployment=begun)
    assert (step.action, step.instance.host, step.instance.number) == ("add", second.host, 2)
    assert first.host != second.host


def test_a_host_that_does_not_answer_keeps_it(instance: Instance, pool: Pool, actor_sre: Any) -> None:
    row = goes(instance, pool)
    LeftData.objects.update(until=timezone.now())
    instance.host.state = "unreachable"
    instance.host.save()
    verbs.sweep()
    row = LeftData.objects.select_related("host", "place__service").get()
    assert row.state == "kept"
    for ask in (lambda: verbs.bring_back(actor_sre, row), lambda: verbs.remove(actor_sre, row, "store")):
        with pytest.raises(Refused, match="does not answer"):
            ask()


def test_pages_ask_for_the_name(
    stand: Callable[..., Instance], pool: Pool, client: Client, sre: Any, developer: Any
) -> None:
    stand()
    second = stand()
    client.force_login(sre)
    here = "/services/store/production"
    for page in (f"{here}/remove/", "/services/store/remove/", f"{here}/scale/?wanted=1"):
        said = client.get(page).content.decode()
        assert "Data goes with it" in said, page
        assert "store-production-2 on store-2" in said, page
    answer = client.post(f"{here}/scale/", {"wanted": "1", "name": "wrong"})
    assert answer.status_code == 400
    assert "That is not the name" in answer.content.decode()
    assert client.post(f"{here}/scale/", {"wanted": "1", "name": "store/production"}).status_code == 302
    Deployment.objects.update(state="cancelled")
    type(second.place).objects.update(active=None)

    row = goes(second, pool)
    assert "xq-vol-store-1" in client.get("/left-data/?state=kept").content.decode()
    answer = client.post(f"/left-data/{row.pk}/remove/", {"name": "other"})
    assert (answer.status_code, "It is «store»" in answer.content.decode()) == (400, True)
    assert client.post(f"/left-data/{row.pk}/remove/", {"name": "store", "reason": "tidy"}).status_code == 302
    row.refresh_from_db()
    assert row.state == "removing"
    assert client.post(f"/left-data/{row.pk}/back/").status_code == 302
    assert Event.objects.filter(action="data.left.remove").count() == 1
