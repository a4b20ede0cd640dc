"""What goes on by itself: taking over, drift from inventories, guards of images, the sample."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from builds.guards import reason_to_keep
from containers import converge, leases, tasks
from containers.models import Container, Deployment, Instance
from containers.services import releases
from containers.services.sample import make_sample
from hosts import labels
from hosts.hooks import Change
from hosts.models import SeenContainer
from tests.containers.conftest import World
from xqplatform.audit.models import Event


def see(one: Instance, engine_id: str, state: str = "running", image_id: str = "sha256:v1") -> None:
    SeenContainer.objects.update_or_create(
        host=one.host,
        engine_id=engine_id,
        defaults={
            "name": one.name, "state": state, "status": "Up", "image_id": image_id, "ours": True, "seen": timezone.now(),
            "labels": {labels.INSTANCE: str(one.pk), labels.PLATFORM: labels.installation()},
        },
    )  # fmt: skip


@pytest.fixture
def running(world: World) -> World:
    """The place runs v1, and the inventories have seen it."""
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    for container in Container.objects.select_related("instance__place__service", "instance__place__environment"):
        see(container.instance, container.engine_id)
    return world


def test_only_what_nobody_advances_is_enqueued(world: World, enqueued: Any) -> None:
    row = releases.deploy(world.actor, world.place, world.v1)
    assert tasks.resume() == 1
    lease = leases.take(row.pk)
    assert lease is not None
    assert leases.take(row.pk) is None
    assert tasks.resume() == 0
    lease.release()
    Deployment.objects.filter(pk=row.pk).update(state="paused")
    assert tasks.resume() == 0
    Deployment.objects.filter(pk=row.pk).update(asked="resume")
    assert tasks.resume() == 1
    Deployment.objects.filter(pk=row.pk).update(
        asked="", state="running", lease="elsewhere/x/1/2/3/4", lease_until=timezone.now() - timedelta(seconds=1)
    )
    assert tasks.resume() == 1
    assert leases.take(row.pk) is not None
    assert not lease.renew(force=True)


def test_drift_is_found_recorded_once_and_goes_again(running: World) -> None:
    assert converge.converge() == 0
    one = Instance.objects.order_by("number")[0]
    current = one.current
    assert current is not None
    see(one, current.engine_id, state="exited")
    converge.containers_changed(one.host_id, [Change(current.engine_id, {"die": {"exitCode": "137"}})])
    converge.converge()
    one.refresh_from_db()
    assert (one.state, [d["what"] for d in one.drift]) == ("stopped", ["state"])
    assert Event.objects.filter(action="instance.drift").count() == 1
    current.refresh_from_db()
    assert current.exit_code == 137
    see(one, current.engine_id)
    converge.converge()
    one.refresh_from_db()
    assert (one.state, one.drift) == ("running", [])


def test_a_removed_container_is_missed_at_once_but_not_by_an_old_inventory(running: World) -> None:
    one = Instance.objects.order_by("number")[0]
    current = one.current
    assert current is not None
    SeenContainer.objects.filter(engine_id=current.engine_id).delete()
    assert converge.converge() == 0
    converge.containers_changed(one.host_id, [Change(current.engine_id, {"destroy": {}})])
    one.refresh_from_db()
    assert one.state == "missing"
    assert one.drift[0]["what"] == "container"


def test_drift_is_put_right_by_itself_but_not_for_ever(running: World) -> None:
    running.environment.auto_repair = True
    running.environment.save()
    one = Instance.objects.order_by("number")[0]
    current = one.current
    assert current is not None
    see(one, current.engine_id, state="exited")
    for expected in (1, 2, 3, 3):
        converge.converge()
        assert Deployment.objects.filter(kind="repair").count() == expected
        for row in Deployment.objects.filter(state__in=Deployment.ACTIVE):
            Deployment.objects.filter(pk=row.pk).update(state="succeeded")


def test_what_runs_or_may_be_gone_back_to_is_kept(running: World) -> None:
    assert "runs in" in (reason_to_keep(running.v1) or "")
    assert reason_to_keep(running.v2) is None
    running.finish(releases.deploy(running.actor, running.place, running.v2))
    assert "rollback" in (reason_to_keep(running.v1) or "")
    assert converge.running_words([running.v2]) == {running.v2.pk: ["Isolated: 3"]}


def test_the_sample_is_made_once(world: World) -> None:
    first = make_sample(world.actor)
    assert make_sample(world.actor) == first
    assert [place.environment.slug for place in first.places.all()] == ["isolated"]
