"""Who leaves loses everything at once; the page says before what that is, one event afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers.models import Approval, AutomaticRule, CommandRun, Deployment, Terminal, Train
from tests import factories
from xqplatform.accounts import leaving, services, tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Session, Team, User
from xqplatform.alerts.models import Channel
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(developer: User, sre: User, team: Team) -> User:
    """Somebody in the middle of everything."""
    place = factories.make_running_place("snow", "production", 1, team=team)
    instance = place.instances.get()
    common = {"instance": instance, "host": instance.host, "engine_id": "e", "person": developer, "who": "dan"}
    Terminal.objects.create(**common, state=Terminal.State.OPEN, lease="elsewhere")
    CommandRun.objects.create(**common, argv=["sleep", "9"], via="page", timeout=60)
    factories.make_deployment(place, "waiting", created_by=developer, created_name="dan")
    theirs = factories.make_deployment(place, "waiting", created_by=sre, created_name="sara")
    until = timezone.now() + timedelta(hours=1)
    Approval.objects.create(deployment=theirs, by=developer, by_name="dan", expires=until)
    AutomaticRule.objects.create(place=place, author=developer, author_name="dan", enabled=True, branches=["main"])
    Train.objects.create(name="weekly", state=Train.State.RUNNING, begun_by=developer, begun_name="dan")
    Channel.objects.create(name="own", kind="mail", url="dan@example.com", owner=developer)
    tokens.create_token(Actor.person(developer), developer, "ci")
    Client().force_login(developer)
    return developer


def test_all_ends_in_one_verb_with_one_event(busy: User, actor_sre: Actor, client: Client, sre: User) -> None:
    client.force_login(sre)
    said = leaving.what_ends(busy)
    assert len(said) == 9
    page = client.get(f"/settings/people/{busy.pk}/").content.decode()
    assert all(line in page for line in said)
    assert client.post(f"/settings/people/{busy.pk}/deactivate/").status_code == 302
    event = Event.objects.get(action="person.leave")
    assert event.actor == "sara"
    assert event.after == dict.fromkeys(
        ["sessions", "tokens", "terminals", "commands", "waiting releases", "approvals", "automatic releases", "trains",
         "own channels"], 1,
    )  # fmt: skip
    assert leaving.what_ends(busy) == ["1 open terminal ends."]  # by the process that has it
    assert not Session.objects.filter(user=busy).exists()
    assert Terminal.objects.get().asked == "sara"
    assert CommandRun.objects.get().state == "cancelled"
    own = Deployment.objects.get(created_by=busy)
    assert own.state == "cancelled"
    assert "dan, who decided it" in own.outcome
    assert Deployment.objects.filter(created_by=sre, state="waiting").exists()
    assert Approval.objects.get().withdrawn is not None
    assert not AutomaticRule.objects.get().enabled
    assert Train.objects.get().aborted


def test_what_has_ended_stays_ended_when_somebody_comes_back(busy: User, actor_sre: Actor) -> None:
    raw = tokens.create_token(Actor.person(busy), busy, "second")[1]
    services.set_active(actor_sre, busy, active=False)
    services.set_active(actor_sre, busy, active=True)
    assert tokens.find(raw) is None
    assert not AutomaticRule.objects.get().enabled


def test_one_thing_that_cannot_be_ended_keeps_nobody_here(
    busy: User, actor_sre: Actor, monkeypatch: Any, caplog: Any
) -> None:
    def broken(actor: Actor, user: User) -> int:
        Session.objects.all().delete()
        raise RuntimeError("the third party is away")

    ties = [leaving.Tie("sessions", str, lambda user: 1, broken), *leaving.TIES[1:]]
    monkeypatch.setattr(leaving, "TIES", ties)
    services.set_active(actor_sre, busy, active=False)
    busy.refresh_from_db()
    assert not busy.is_active
    after = Event.objects.get(action="person.leave").after
    assert after["sessions"] == "could not be ended"
    assert after["tokens"] == 1
    assert Session.objects.exists()
    assert "the third party is away" in caplog.text


def test_nobody_leaves_by_themselves_or_without_the_right(actor_sre: Actor, actor_manager: Actor, sre: User) -> None:
    factories.make_user("second", "admin")
    with pytest.raises(Refused):
        services.set_active(actor_sre, sre, active=False)
    with pytest.raises(Denied):
        services.set_active(actor_manager, sre, active=False)
