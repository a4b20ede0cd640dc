"""Instances of a host that never comes back are given up; two people who press deploy at once are told of each other."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from containers import converge
from containers.models import Container, Deployment
from containers.services import lost, releases
from hosts import labels
from hosts.engine_errors import EngineError
from hosts.models import Address, Host, SeenContainer
from tests import factories
from tests.conftest import make_person
from tests.containers.conftest import World
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Token
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused


@pytest.fixture
def half(world: World) -> World:
    """Released on two hosts; the second one is gone: #2 stood there."""
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    Host.objects.filter(pk=world.hosts[1].pk).update(state="unreachable")
    world.place.refresh_from_db()
    return world


def on(world: World, host: int) -> list[int]:
    rows = world.place.instances.filter(removed=None, host=world.hosts[host])
    return sorted(rows.values_list("number", flat=True))


def test_instances_of_a_lost_host_are_given_up_and_come_back_elsewhere(half: World) -> None:
    numbers = on(half, 1)
    there = half.place.instances.filter(removed=None).count()
    held = set(half.place.instances.filter(number__in=numbers).values_list("address__ip", flat=True))
    gone = lost.forget(half.actor, half.place, numbers, "burnt down")
    assert sorted(one.number for one in gone) == numbers
    assert set(Address.objects.filter(state="quarantine").values_list("ip", flat=True)) == held
    assert not Container.objects.filter(instance__in=gone, ended=None).exists()
    events = Event.objects.filter(action="instance.forget")
    assert {(e.reason, (e.before or {})["host"]) for e in events} == {("burnt down", "h2")}
    row = releases.scale(half.actor, half.place, there)
    assert row is not None
    half.finish(row)
    assert len(on(half, 0)) == there


def test_an_instance_whose_host_answers_is_not_given_up(half: World) -> None:
    with pytest.raises(Refused, match="can be reached"):
        lost.forget(half.actor, half.place, [*on(half, 0), *on(half, 1)])
    with pytest.raises(Refused, match="#77"):
        lost.forget(half.actor, half.place, [77])
    assert half.place.instances.filter(removed=None).count() == 3


def test_only_an_sre_may_give_up(half: World, actor_dev: Actor) -> None:
    with pytest.raises(Denied):
        lost.forget(actor_dev, half.place, on(half, 1))
    assert Event.objects.filter(denied=True, action="host.manage").exists()


def test_what_still_runs_on_a_host_that_comes_back_is_removed(half: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (one, *_) = lost.forget(half.actor, half.place, on(half, 1))
    Host.objects.update(state="ready")
    SeenContainer.objects.create(
        host=half.hosts[1], engine_id="left", name=one.name, ours=True, state="running",
        created=timezone.now() - timedelta(hours=1), seen=timezone.now(),
        labels={labels.INSTANCE: str(one.pk), labels.PLATFORM: labels.installation()},
    )  # fmt: skip
    removed: list[str] = []

    class Engine:
        def logs(self, engine_id: str, *, tail: int, timeout: float) -> Any:
            raise EngineError("unreachable", "nothing came of it")

        def remove(self, engine_id: str, force: bool) -> None:
            removed.append(engine_id)

    monkeypatch.setattr(converge, "connect", lambda host: Engine())
    assert converge.sweep() == 1
    assert removed == ["left"]


def test_the_page_and_the_api_give_up(half: World, client: Client, sre: Any) -> None:
    client.force_login(sre)
    page, (first, *_) = "/services/snow/isolated/", on(half, 1)
    assert 'value="forget"' in client.get(page).content.decode()
    client.post(f"{page}act/", {"do": "forget", "instances": [str(first)]})
    assert first not in on(half, 1)
    (other, *_) = on(half, 0)
    bearer = {"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"}
    call = lambda number: client.post(  # noqa: E731
        f"/api/v1{page}forget", {"instances": [number]}, content_type="application/json", headers=bearer
    )
    assert call(other).status_code == 409
    Host.objects.update(state="unreachable")
    assert call(other).json() == {"forgotten": [other]}
    Host.objects.update(state="ready")
    assert 'value="forget"' not in client.get(page).content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_press_deploy_at_the_same_moment_one_wins_and_the_other_is_told() -> None:
    place = factories.make_running_place("snow", "production", 4)
    image = factories.make_image(place.service.project)
    start = threading.Barrier(2)
    rows: list[Deployment] = []
    refusals: list[tuple[str, Refused]] = []

    def press(name: str) -> None:
        try:
            actor = Actor.person(people[name])
            start.wait(60)
            rows.append(releases.deploy(actor, place, image, reason=f"{name} needs it"))
        except Refused as refused:
            refusals.append((name, refused))
        finally:
            connections.close_all()

    people = {name: make_person(name, "sre") for name in ("sara", "saul")}
    threads = [threading.Thread(target=press, args=(name,)) for name in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    (row,), ((loser, refused),) = rows, refusals
    winner = "saul" if loser == "sara" else "sara"
    assert row.created_by == people[winner]
    assert refused.code == 409
    for word in (row.created_name, f"#{row.pk}", "0 min", f"{winner} needs it"):
        assert word in refused.message
    assert Deployment.objects.filter(state__in=Deployment.ACTIVE).count() == 1
    assert row.steps.count() == 4
