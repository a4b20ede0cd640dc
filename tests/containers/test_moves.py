"""Verbs of moves and drains: rights, refusals, what is saved; nothing here talks to an engine."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from containers import converge
from containers.models import Container, Deployment, Drain, Instance
from containers.services import drains, moves, releases
from containers.services import settings as places
from containers.services.drains import advance
from hosts import labels
from hosts.engine_errors import EngineError
from hosts.models import Address, Host, HostGroup, SeenContainer
from hosts.services import machines
from tests.containers.conftest import World
from xqplatform.accounts.models import Team
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused


@pytest.fixture
def stands(world: World) -> World:
    """Four instances of v1 on two hosts; a third host is free."""
    free = Host.objects.create(name="h3", address="10.9.0.3:2376", state="ready", api_version="1.41", cpus=8)
    assert world.segment is not None
    world.segment.hosts.add(free)
    world.hosts.append(free)
    machines.cordon(world.actor, free)
    world.place.wanted = 4
    world.place.save()
    Container.objects.all().delete()
    row = releases.deploy(
        world.actor, world.place, world.image("r1", only_on=None, digest="sha256:1", registry=registry())
    )
    world.finish(row)
    machines.uncordon(world.actor, free)
    world.place.refresh_from_db()
    return world


def registry() -> Any:
    from builds.models import Registry

    return Registry.objects.get_or_create(name="main", defaults={"address": "10.9.9.9:5000"})[0]


def on(world: World, host: int) -> list[int]:
    return [one.number for one in Instance.objects.filter(host=world.hosts[host], removed=None).order_by("number")]


def settle(row: Deployment, state: str = "succeeded") -> None:
    """As if the move had run."""
    from containers.finish import finish

    for step in row.steps.all():
        if state == "succeeded":
            Instance.objects.filter(pk=step.instance_id).update(host=step.host)
        step.state, step.reason = ("done", "") if state == "succeeded" else ("undone", "It was not healthy.")
        step.save()
    finish(row.pk, state)


def test_a_move_is_planned_with_image_settings_and_address_as_they_are(stands: World) -> None:
    before = {one.pk: one.address_id for one in Instance.objects.all()}
    row = moves.move(stands.actor, stands.place, on(stands, 0), reason="disk")
    assert row.kind == "move"
    for step in row.steps.all():
        assert (step.old_host, step.host) == (stands.hosts[0], stands.hosts[2])
        assert step.image == step.old_image == stands.place.current_image
        assert step.config == stands.place.current_config
    assert {one.pk: one.address_id for one in Instance.objects.all()} == before
    assert Address.objects.filter(state="held").count() == 4
    event = Event.objects.get(action="service.move")
    assert event.reason == "disk"
    assert event.after is not None
    assert "h1 → h3" in event.after["moves"].values()
    with pytest.raises(Refused, match="move"):
        moves.move(stands.actor, stands.place, on(stands, 1))


def test_the_service_moves_by_its_own_rules(stands: World) -> None:
    last = Deployment.objects.get()
    last.policy = {**last.policy, "batch": "50%", "pause": 7, "deadline": 33, "on_failure": "stop"}
    last.save()
    row = moves.move(stands.actor, stands.place, [1])
    assert {name: row.policy[name] for name in ("batch", "pause", "deadline", "on_failure", "size")} == {
        "batch": "50%", "pause": 7, "deadline": 33, "on_failure": "stop", "size": 2,
    }  # fmt: skip


def test_a_developer_moves_own_instances_but_neither_fences_nor_leaves_data(
    stands: World, actor_dev: Any, actor_manager: Any, team: Team
) -> None:
    with pytest.raises(Denied):
        moves.move(actor_dev, stands.place, [1])
    stands.service.team = team
    stands.service.save()
    place = type(stands.place).objects.get(pk=stands.place.pk)
    for flags in ({"fenced": True}, {"with_data": True}):
        with pytest.raises(Denied):
            moves.move(actor_dev, place, [1], **flags)
    with pytest.raises(Denied):
        moves.preview(actor_manager, place, [1])
    with pytest.raises(Denied):
        drains.drain(actor_dev, stands.hosts[0])
    assert moves.move(actor_dev, place, [1]).created_name == actor_dev.name


def test_data_on_the_host_is_asked_for(stands: World) -> None:
    version = places.save_config(stands.actor, stands.place, {"memory": "64m", "cpus": 1, "persist": True})
    Container.objects.update(config=version)
    with pytest.raises(Refused, match="/persist"):
        moves.move(stands.actor, stands.place, [1])
    assert moves.move(stands.actor, stands.place, [1], with_data=True).steps.count() == 1


def test_a_lost_host_is_left_only_when_somebody_made_sure(stands: World) -> None:
    Host.objects.filter(pk=stands.hosts[0].pk).update(state="unreachable")
    with pytest.raises(Refused, match="machine is off"):
        moves.move(stands.actor, stands.place, on(stands, 0))
    with pytest.raises(Refused, match="machine is off"):
        drains.drain(stands.actor, Host.objects.get(pk=stands.hosts[0].pk))
    row = moves.move(stands.actor, stands.place, on(stands, 0), fenced=True)
    assert all(step.fenced for step in row.steps.all())
    assert row.policy["on_failure"] == "stop"


def test_what_comes_back_with_a_lost_host_is_a_stray(stands: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its instance stands elsewhere, or is on its way there: removed at once, while a usual move's old one stays."""
    one = Instance.objects.filter(host=stands.hosts[0]).first()
    assert one is not None
    marks = {labels.PLATFORM: labels.installation(), labels.INSTANCE: str(one.pk)}
    seen = SeenContainer.objects.create(
        host=stands.hosts[0], engine_id="old", name=one.name, state="running", labels=marks, ours=True,
        seen=timezone.now(), created=timezone.now(),
    )  # fmt: skip
    assert converge.strays() == []
    row = moves.move(stands.actor, stands.place, [one.number])
    Instance.objects.filter(pk=one.pk).update(host=stands.hosts[2])
    assert converge.strays() == []
    row.steps.update(fenced=True)
    assert converge.strays() == [seen]
    row.steps.update(fenced=False)
    settle(row)
    assert converge.strays() == [seen]
    gone: list[str] = []

    class Engine:
        def logs(self, engine_id: str, *, tail: int, timeout: float) -> Any:
            raise EngineError("unreachable", "nothing came of it")

        def remove(self, engine_id: str, *, force: bool) -> None:
            gone.append(engine_id)

    monkeypatch.setattr(converge, "connect", lambda host: Engine())
    converge.host_refreshed(stands.hosts[0])
    assert gone == ["old"]


def test_a_drain_moves_waits_lists_and_ends(stands: World) -> None:
    host = stands.hosts[0]
    found = drains.preview(stands.actor, host)
    assert (found.moves, found.stays, found.services) == (2, 0, 1)
    row = drains.drain(stands.actor, host, "disk swap")
    host.refresh_from_db()
    assert (host.draining, host.cordoned) == (True, True)
    with pytest.raises(Refused, match="already"):
        drains.drain(stands.actor, host)
    busy = releases.restart(stands.actor, stands.place, [1], "now")
    advance(row.pk)
    row.refresh_from_db()
    assert row.waits[0]["release"] == busy.pk
    stands.finish(busy)
    advance(row.pk)
    move = row.deployments.get()
    assert "disk swap" in move.reason
    assert sorted(step.instance.number for step in move.steps.all()) == on(stands, 0)
    advance(row.pk)
    assert row.deployments.count() == 1
    assert drains.progress(row).moved == 0
    settle(move)
    assert drains.progress(row).moved == 2
    advance(row.pk)
    row.refresh_from_db()
    host.refresh_from_db()
    assert (row.state, host.draining, host.cordoned) == ("done", False, True)
    actions = list(
        Event.objects.filter(action__startswith="host.drain").order_by("pk").values_list("action", flat=True)
    )
    assert actions == ["host.drain", "host.drain.move", "host.drained"]
    machines.uncordon(stands.actor, host)
    host.refresh_from_db()
    assert host.takes_instances


def test_what_failed_is_tried_again_only_when_somebody_asks(stands: World) -> None:
    row = drains.drain(stands.actor, stands.hosts[0])
    advance(row.pk)
    settle(row.deployments.get(), "rolled_back")
    advance(row.pk)
    advance(row.pk)
    row.refresh_from_db()
    assert row.deployments.count() == 1
    assert [one["number"] for one in row.blocked] == on(stands, 0)
    assert "not healthy" in row.blocked[0]["why"]
    drains.retry(stands.actor, stands.hosts[0])
    advance(row.pk)
    row.refresh_from_db()
    assert row.deployments.count() == 2
    assert row.blocked == []


def test_a_cancelled_drain_begins_nothing_more(stands: World, actor_dev: Any) -> None:
    row = drains.drain(stands.actor, stands.hosts[0])
    advance(row.pk)
    with pytest.raises(Denied):
        drains.cancel(actor_dev, stands.hosts[0])
    drains.cancel(stands.actor, stands.hosts[0], "not needed")
    assert row.deployments.get().asked == "cancel"
    advance(row.pk)
    host = Host.objects.get(pk=stands.hosts[0].pk)
    assert (host.draining, host.cordoned) == (False, True)
    with pytest.raises(Refused):
        drains.cancel(stands.actor, host)
    assert Drain.objects.get().state == "cancelled"


def test_uncordoning_ends_a_drain(stands: World) -> None:
    row = drains.drain(stands.actor, stands.hosts[0])
    machines.uncordon(stands.actor, stands.hosts[0])
    advance(row.pk)
    row.refresh_from_db()
    assert row.state == "cancelled"
    assert not row.deployments.exists()


def test_an_environment_without_another_host_says_what_would_help(stands: World) -> None:
    group = HostGroup.objects.create(slug="room")
    Host.objects.filter(pk=stands.hosts[0].pk).update(group=group)
    stands.environment.groups.set([group])
    row = drains.drain(stands.actor, Host.objects.get(pk=stands.hosts[0].pk))
    advance(row.pk)
    row.refresh_from_db()
    assert not row.deployments.exists()
    assert "host group" in row.blocked[0]["why"]
