"""The page and the verb of rebalancing: what is shown is what is begun, under the rights of each service."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from containers.capacity import rebalancing
from containers.models import Deployment, Instance, ServiceEnvironment, Step
from containers.services import capacity, holders, moves
from hosts.models import Host
from tests.capacity.uneven import make_uneven
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Token
from xqplatform.accounts.rights import Denied
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db
PAGE = "/capacity/rebalance/"


@pytest.fixture
def fleet() -> list[Host]:
    return make_uneven()


def test_what_is_shown_is_what_is_begun(client: Client, sre: Any, fleet: list[Host]) -> None:
    client.force_login(sre)
    text = client.get(PAGE).content.decode()
    assert "4 moves would make hosts more evenly full" in text
    assert "2 instances: their data lies on their host" in text
    mark = re.search(r'name="mark" value="(\w+)"', text)
    assert mark is not None
    assert client.post(PAGE, {"count": "3", "mark": mark[1], "reason": "b is empty"}).status_code == 302
    steps = Step.objects.filter(action="move").select_related("instance__host", "host")
    assert {step.old_host_id for step in steps} == {fleet[0].pk}
    assert sorted(step.host.name for step in steps) == ["b", "b", "c"]
    assert Deployment.objects.filter(kind="move").count() == 3
    event = Event.objects.get(action="capacity.rebalance")
    assert (event.after["moves"], event.reason) == (3, "b is empty")
    again = client.post(PAGE, {"count": "3", "mark": mark[1]})
    assert again.status_code == 400
    assert "has changed since" in again.content.decode()


@pytest.mark.parametrize("count", ["0", "21", "9" * 4300, "x", "\x00", ""])
def test_nonsense_is_said_beside_its_field(client: Client, sre: Any, fleet: list[Host], count: str) -> None:
    client.force_login(sre)
    answer = client.post(PAGE, {"count": count, "mark": "x"})
    assert answer.status_code == 400
    assert "invalid-feedback" in answer.content.decode()
    assert not Deployment.objects.exists()


def test_who_may_not_move_them_is_told_and_nothing_is_begun(
    actor_manager: Actor, actor_dev: Actor, fleet: list[Host]
) -> None:
    found = rebalancing.find(actor_manager)
    with pytest.raises(Refused, match="you may not move its instances"):
        rebalancing.begin(actor_manager, 4, found.mark)
    # An attempt without the right is in the log, as of any other verb, one a service; the way back of the transaction leaves it.
    denied = Event.objects.filter(denied=True)
    assert set(denied.values_list("actor", flat=True)) == {actor_manager.name}
    assert {event.object_name for event in denied} == {found.names[move.place] for move in found.proposal.moves}
    with pytest.raises(Denied):
        rebalancing.find(actor_dev)
    assert not Deployment.objects.exists()
    assert not Event.objects.filter(action="capacity.rebalance").exists()


def test_one_that_cannot_move_now_does_not_keep_back_the_others(actor_sre: Actor, fleet: list[Host]) -> None:
    found = rebalancing.find(actor_sre)
    first = ServiceEnvironment.objects.get(pk=found.proposal.moves[0].place)
    wrong = Refused("its queue is being looked at")
    real = moves.move

    def move(actor: Actor, place: ServiceEnvironment, *args: Any, **more: Any) -> Deployment:
        if place == first:
            raise wrong
        return real(actor, place, *args, **more)

    with patch.object(moves, "move", move):
        begun = rebalancing.begin(actor_sre, 2, found.mark)
    assert (begun.instances, begun.refused) == (1, [f"{first}: {wrong.message}"])
    assert Step.objects.get(action="move").host_id == found.proposal.moves[1].new


def test_all_places_are_locked_before_the_lock_of_all_plans(actor_sre: Actor, fleet: list[Host]) -> None:
    """A release locks its place, then takes that lock: whoever has it must wait for no place any more."""
    told: list[str] = []
    lock, plans = holders.lock, capacity.lock

    def lock_place(place: ServiceEnvironment) -> ServiceEnvironment:
        told.append(str(place))
        return lock(place)

    def lock_plans() -> None:
        told.append("plans")
        plans()

    with patch.object(holders, "lock", lock_place), patch.object(capacity, "lock", lock_plans):
        begun = rebalancing.begin(actor_sre, 3, rebalancing.find(actor_sre).mark)
    assert len(begun.deployments) == 3
    first = told[: told.index("plans")]
    assert set(first) == {str(row.place) for row in begun.deployments}
    assert set(told[told.index("plans") :]) <= {"plans", *first}
    assert first[:3] == sorted(first[:3])


def test_the_api_reads_the_proposal_and_begins_it(client: Client, sre: Any, fleet: list[Host]) -> None:
    headers = {"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"}
    url = "/api/v1/capacity/rebalance"
    found = client.get(url, headers=headers).json()
    assert [(move["old"], move["repairs"]) for move in found["moves"]] == [("a", [])] * 4
    assert (found["broken_before"], found["pinned"]) == (0, {"their data lies on their host": 2})
    assert found["uneven_after"] < found["uneven_before"]

    def send(**body: Any) -> Any:
        return client.post(url, body, "application/json", headers=headers)

    assert send(count=2, mark="other").status_code == 409
    for bad in ({"count": 0}, {"count": "x"}, {"count": 10**40}, {"mark": "x" * 65}, {"more": 1}):
        assert send(**({"count": 1, "mark": found["mark"]} | bad)).status_code in {400, 422}
    assert not Deployment.objects.exists()
    answer = send(count=2, mark=found["mark"], reason="b is empty")
    assert answer.status_code == 202
    assert (len(answer.json()["deployments"]), answer.json()["instances"]) == (2, 2)
    assert Event.objects.get(action="capacity.rebalance").reason == "b is empty"


def test_a_broken_rule_is_mended_first_and_the_gain_is_shown(client: Client, sre: Any, fleet: list[Host]) -> None:
    place = ServiceEnvironment.objects.get(service__slug="s0")
    place.placement = {"labels": ["disk=ssd"]}
    place.save()
    Host.objects.filter(pk=fleet[2].pk).update(labels={"disk": "ssd"})
    client.force_login(sre)
    text = " ".join(client.get(PAGE).content.decode().split())
    assert "One move would mend a broken rule of placement" in text
    assert "its host lacks a label" in text
    found = rebalancing.find(Actor.person(sre))
    assert (found.proposal.broken_before, found.proposal.broken_after) == (1, 0)
    first = found.proposal.moves[0]
    assert (first.place, first.new, first.repairs) == (place.pk, fleet[2].pk, {"label"})
    begun = rebalancing.begin(Actor.person(sre), 1, found.mark)
    assert begun.deployments[0].reason == "rules of placement are kept again"
    # Where nothing can take it, that is told.
    Deployment.objects.all().delete()
    Host.objects.update(labels={})
    Host.objects.exclude(pk=fleet[0].pk).update(cordoned=True)
    assert "1 instance stands against a rule of placement" in client.get(PAGE).content.decode()


def test_an_even_fleet_has_nothing_to_move(client: Client, sre: Any, fleet: list[Host]) -> None:
    client.force_login(sre)
    for n, pk in enumerate(Instance.objects.order_by("pk").values_list("pk", flat=True)):
        Instance.objects.filter(pk=pk).update(host=fleet[n % 3])
    assert "No move is worth it" in client.get(PAGE).content.decode()
