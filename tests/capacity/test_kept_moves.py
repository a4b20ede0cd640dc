"""What should move is kept by the beat: the page shows it with its age, and never misleads anybody by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from containers.capacity import kept_moves, rebalancing
from containers.capacity.models import KeptMoves
from containers.models import Deployment, Instance, ServiceEnvironment
from hosts.models import Host
from tests import factories
from tests.capacity.uneven import make_uneven
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db
PAGE = "/capacity/rebalance/"


@pytest.fixture
def fleet() -> list[Host]:
    hosts = make_uneven()
    place = ServiceEnvironment.objects.get(service__slug="s0")
    place.placement = {"labels": ["disk=ssd"]}
    place.save()
    Host.objects.filter(pk=hosts[2].pk).update(labels={"disk": "ssd"}, group=factories.make_group("room-a"))
    return hosts


def test_what_is_kept_is_what_would_be_computed(actor_sre: Actor, fleet: list[Host]) -> None:
    kept_moves.refresh()
    found, now = kept_moves.newest(actor_sre), rebalancing.find(actor_sre)
    assert found.proposal == now.proposal
    assert found.proposal.moves[0].repairs == {"label"}
    assert (found.mark, found.pinned, found.stays) == (now.mark, now.pinned, now.stays)
    assert {pk: found.hosts[pk] for pk in now.hosts} == now.hosts
    assert {pk: found.rooms[pk] for pk in now.rooms} == now.rooms
    assert found.names.items() <= now.names.items()
    assert found.made is not None
    kept_moves.refresh()  # a row, however often
    assert KeptMoves.objects.count() == 1


def test_the_page_shows_it_in_names_of_now_and_begins_it(
    client: Client, sre: Any, fleet: list[Host], enqueued: Any, django_capture_on_commit_callbacks: Any
) -> None:
    client.force_login(sre)
    kept_moves.refresh()
    Host.objects.filter(pk=fleet[1].pk).update(name="bravo")
    with patch.object(rebalancing, "find", side_effect=AssertionError):
        text = client.get(PAGE).content.decode()
    assert "Compute anew" in text
    assert "bravo" in text
    assert "2 instances: their data lies on their host" in text
    assert "Compute anew" not in client.get(f"{PAGE}?anew=1").content.decode()
    mark = kept_moves.newest(Actor.person(sre)).mark
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(PAGE, {"count": "2", "mark": mark}).status_code == 302
    assert Deployment.objects.filter(kind="move").count() == 2
    # It holds no more, so it is not shown; the beat's task does not wait for its time.
    assert not KeptMoves.objects.exists()
    assert "capacity.tasks.propose_moves" in enqueued.names
    assert "a release is under way" in client.get(PAGE).content.decode()


def test_what_has_changed_since_is_not_begun_and_looked_at_as_it_is_now(
    client: Client, sre: Any, fleet: list[Host]
) -> None:
    client.force_login(sre)
    kept_moves.refresh()
    kept = kept_moves.newest(Actor.person(sre))
    Instance.objects.filter(place=kept.proposal.moves[0].place).update(host=fleet[2])
    answer = client.post(PAGE, {"count": "1", "mark": kept.mark})
    assert answer.status_code == 400
    text = answer.content.decode()
    assert "has changed since" in text
    assert kept.mark not in text
    assert rebalancing.find(Actor.person(sre)).mark in text
    with pytest.raises(Refused):
        rebalancing.begin(Actor.person(sre), 1, kept.mark)
    assert not Deployment.objects.exists()


def test_one_that_is_old_or_speaks_of_what_is_gone_is_not_shown(actor_sre: Actor, fleet: list[Host]) -> None:
    kept_moves.refresh()
    KeptMoves.objects.update(made=timezone.now() - kept_moves.FRESH - timedelta(seconds=1))
    assert kept_moves.newest(actor_sre).made is None
    kept_moves.refresh()
    assert kept_moves.newest(actor_sre).made is not None
    Host.objects.get(name="b").delete()
    assert kept_moves.newest(actor_sre).made is None


def test_a_closed_team_is_not_named(actor_dev: Actor, fleet: list[Host]) -> None:
    kept_moves.refresh()
    with patch.object(kept_moves, "require"), patch.object(kept_moves, "hidden_names", return_value={"s0"}):
        found = kept_moves.newest(actor_dev)
    first = found.proposal.moves[0].place
    assert found.names[first] == "in use by a closed team"
    assert all("s0/" not in name for name in found.names.values())
