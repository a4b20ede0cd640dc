"""The verbs of releases on rows alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from containers.models import Deployment, Instance
from containers.services import catalog, releases, steering, step_rows
from containers.services.settings import save_config, secrets_of
from hosts.models import Address
from tests import factories
from tests.containers.conftest import World
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused


def test_a_first_deploy_makes_instances_with_addresses_and_steps(world: World, enqueued: object) -> None:
    row = releases.deploy(world.actor, world.place, world.v1, reason="first")
    instances = list(world.place.instances.order_by("number"))
    assert [i.number for i in instances] == [1, 2, 3]
    assert sorted(i.host.name for i in instances) in (["h1", "h1", "h2"], ["h1", "h2", "h2"])
    assert len({i.address.ip for i in instances if i.address}) == 3
    assert [s.batch for s in row.steps.all()] == [0, 1, 2]
    assert Event.objects.filter(action="service.deploy", reason="first").count() == 1
    world.place.refresh_from_db()
    assert world.place.active == row


def test_the_second_is_told_who_since_when_and_why(world: World) -> None:
    releases.deploy(Actor.system("alice"), world.place, world.v1, reason="hot fix")
    with pytest.raises(Refused, match=r"alice.*hot fix"):
        releases.deploy(world.actor, world.place, world.v2)


def test_exhaustion_is_refused_before_anything_is_made(world: World) -> None:
    world.place.wanted = 11
    world.place.save()
    with pytest.raises(Refused, match="more free address"):
        releases.deploy(world.actor, world.place, world.v1)
    assert not Instance.objects.exists()
    assert not Address.objects.exists()
    assert not Deployment.objects.exists()


def test_a_success_is_what_scaling_goes_by(world: World) -> None:
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    world.place.refresh_from_db()
    assert world.place.current_image == world.v1
    assert world.place.active is None
    down = releases.scale(world.actor, world.place, 1)
    assert down is not None
    assert sorted(s.instance.number for s in down.steps.all()) == [2, 3]
    world.finish(down)
    world.place.refresh_from_db()
    assert world.place.wanted == 1
    assert Address.objects.filter(state="quarantine").count() == 2
    assert world.place.instances.filter(removed=None).count() == 1


def test_removing_the_service_gives_all_addresses_back(world: World) -> None:
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    for row in catalog.remove_service(world.actor, world.service):
        world.finish(row)
    world.service.refresh_from_db()
    assert world.service.removed is not None
    assert not Address.objects.filter(state="held").exists()


def test_start_first_is_refused_with_fixed_addresses(world: World) -> None:
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    with pytest.raises(Refused, match="tart-first"):
        releases.deploy(world.actor, world.place, world.v2, policy={"order": "start-first"})


def test_a_host_that_is_away_is_said_before_anything_happens(world: World) -> None:
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    world.hosts[0].state, world.hosts[0].state_reason = "unreachable", "no way leads there"
    world.hosts[0].save()
    with pytest.raises(Refused, match="no way leads there"):
        releases.deploy(world.actor, world.place, world.v2)
    row = releases.deploy(world.actor, world.place, world.v2, policy={"skip_unfit": True})
    assert {s.instance.host.name for s in row.steps.all()} == {"h2"}


@pytest.mark.parametrize(
    "policy",
    [
        {"batch": 0}, {"batch": "0%"}, {"pause": -1}, {"deadline": "x"}, {"order": "up"}, 7,
        {"batch": "9" * 4301}, {"canary": "9" * 4301 + "%"}, {"pause": 10**400}, {"batch": "0" * 5000},
    ],
)  # fmt: skip
def test_nonsense_policies_are_refused(world: World, policy: object) -> None:
    with pytest.raises(Refused):
        releases.deploy(world.actor, world.place, world.v1, policy=policy)  # type: ignore[arg-type]


def test_wishes_are_checked_against_the_state(world: World) -> None:
    row = releases.deploy(world.actor, world.place, world.v1)
    with pytest.raises(Refused):
        steering.resume(world.actor, row)
    steering.pause(world.actor, row)
    steering.rollback(world.actor, row)
    with pytest.raises(Refused):
        steering.pause(world.actor, row)
    row.refresh_from_db()
    assert row.asked == "rollback"


def test_a_version_of_the_settings_is_made_only_by_a_change(world: World) -> None:
    first = world.place.config
    again = save_config(world.actor, world.place, {"memory": "64m", "cpus": 1})
    assert again == first
    second = save_config(world.actor, world.place, {"memory": "64m", "cpus": 1, "secrets": {"KEY": "s3cret"}})
    assert second.version == 2
    assert secrets_of(second) == {"KEY": "s3cret"}
    assert "s3cret" not in str(second.content) + str(list(Event.objects.values_list("after", flat=True)))
    third = save_config(world.actor, world.place, {"memory": "32m", "cpus": 1, "secret_names": ["KEY"]})
    assert secrets_of(third) == {"KEY": "s3cret"}


def test_a_developer_acts_on_own_services_only(
    world: World, actor_dev: Actor, actor_manager: Actor, team: object
) -> None:
    with pytest.raises(Denied):
        releases.deploy(actor_dev, world.place, world.v1)
    assert Event.objects.filter(denied=True, action="service.deploy").count() == 1
    world.service.team = team  # type: ignore[assignment]
    world.service.save()
    world.place.service.refresh_from_db()
    assert releases.deploy(actor_dev, world.place, world.v1)
    with pytest.raises(Denied):
        releases.restart(actor_manager, world.place)


def test_a_service_is_made_with_places(world: World) -> None:
    service = catalog.create_service(
        world.actor, {"slug": "web", "environments": ["isolated", "production"], "instances": 2}
    )
    assert [p.environment.slug for p in service.places.all()] == ["isolated", "production"]
    for bad in ({"slug": "Web!"}, {"slug": "web"}, {"slug": "w", "kind": "x"}, {"slug": "w", "environments": ["nope"]}):
        with pytest.raises(Refused):
            catalog.create_service(world.actor, bad)


def test_the_way_back_leads_to_what_serves_and_not_to_what_was_taken_back(world: World, enqueued: object) -> None:
    """Version 2 got well, then a hook failed: it is newer than version 1, which serves again beside it, and ended first."""
    old, now = factories.make_running_place("snow2", "isolated", 1), timezone.now()
    instance = old.instances.get()
    factories.make_container(instance, world.v2, healthy=now, ended=now)
    assert step_rows.running_of([instance])[instance.pk] == instance.current
    # Somebody else removed it: it was the last one that stood all the same.
    first = instance.containers.order_by("id")[0]
    instance.containers.filter(pk=first.pk).update(ended=now + timedelta(seconds=9))
    assert step_rows.running_of([instance])[instance.pk] == first
    # What never got well counts only where nothing else was there.
    factories.make_container(instance, world.v2, healthy=None)
    assert step_rows.running_of([instance])[instance.pk] == first
    instance.containers.exclude(healthy=None).delete()
    assert step_rows.running_of([instance])[instance.pk] == instance.current
