"""What goes to many at once: channels hear of closed teams only where somebody says so who sees them all, and what machines said
is not read by whom it may tell of something hidden.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hosts.models import HostOperation
from tests.accounts.access_table import World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from tests.conftest import make_person
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, OwnRole, Team, Token, User
from xqplatform.alerts import notify
from xqplatform.alerts.models import Alert, Channel, Delivery
from xqplatform.alerts.services import channels
from xqplatform.audit.models import Event
from xqplatform.errors import Denied
from xqplatform.notices import receivers
from xqplatform.notices.models import Notice, Subscription

pytestmark = pytest.mark.django_db
WEBHOOK = {"kind": "webhook", "url": "https://hooks.example.com/x"}


@pytest.fixture
def closed(world: World) -> World:
    rows(world)
    Team.objects.filter(pk=world.team.pk).update(closed=True)
    return world


@pytest.fixture
def keeper(db: None) -> User:
    """May set up channels, and sees no closed team."""
    OwnRole.objects.create(slug="keeper", title="Keeper", rights=["alerts.manage"])
    person = make_person("kim", "reader")
    Grant.objects.create(user=person, role="keeper")
    return person


def test_only_who_sees_all_makes_a_channel_hear_all(closed: World, keeper: User) -> None:
    actor, sre = Actor.person(keeper), Actor.person(closed.sre)
    plain = channels.save_channel(actor, None, {"name": "plain", **WEBHOOK})
    assert not plain.hears_closed
    for row in (None, plain):
        with pytest.raises(Denied):
            channels.save_channel(actor, row, {"name": "loud", **WEBHOOK, "hears_closed": True})
    assert Event.objects.filter(denied=True, actor="kim", action="alerts.manage").count() == 2
    plain.refresh_from_db()
    assert (plain.name, plain.hears_closed) == ("plain", False)
    loud = channels.save_channel(sre, None, {"name": "loud", **WEBHOOK, "hears_closed": True})
    # Nor do they say where it leads; taking the mark away is theirs.
    with pytest.raises(Denied):
        channels.save_channel(actor, loud, {"url": "https://elsewhere.example.com/"})
    loud.refresh_from_db()
    assert loud.url == WEBHOOK["url"]
    assert not channels.save_channel(actor, loud, {"hears_closed": False}).hears_closed
    assert Event.objects.filter(action="alert.channel.change").latest("pk").after == {"hears_closed": False}


def test_the_page_of_a_channel_says_and_sets_it(closed: World, client: Client) -> None:
    client.force_login(closed.sre)
    data = {"name": "loud", "least": "warning", "default": "on", "enabled": "on", **WEBHOOK}
    assert client.post("/alerts/channels/new/", data | {"hears_closed": "on"}).status_code == 302
    loud = Channel.objects.get(name="loud")
    assert loud.hears_closed
    page = client.get(f"/alerts/channels/{loud.pk}/")
    assert page.context["form"]["hears_closed"].value() is True
    assert client.post(f"/alerts/channels/{loud.pk}/", data).status_code == 302
    loud.refresh_from_db()
    assert not loud.hears_closed


def test_an_alert_of_a_closed_team_goes_where_that_is_said(closed: World) -> None:
    Channel.objects.all().delete()
    deaf = Channel.objects.create(name="deaf", kind="webhook", url="http://127.0.0.1:9/")
    loud = Channel.objects.create(name="loud", kind="webhook", url="http://127.0.0.1:9/", hears_closed=True)
    now = timezone.now() + notify.GROUP_WAIT
    notify.collect(now)
    assert {one.channel for one in Delivery.objects.all()} == {loud}
    # While the team is open everybody hears; what is over is not told where it may not be heard any more.
    Team.objects.update(closed=False)
    Delivery.objects.all().delete()
    Alert.objects.update(told="")
    notify.collect(now)
    assert {one.channel for one in Delivery.objects.all()} == {deaf, loud}
    Team.objects.filter(pk=closed.team.pk).update(closed=True)
    Alert.objects.update(state=Alert.State.RESOLVED)
    notify.collect(now)
    assert [one.channel for one in Delivery.objects.filter(notification__kind="resolved")] == [loud]


def test_a_subscription_to_everything_leaves_closed_teams_out(closed: World) -> None:
    notice = Notice.objects.get(key="release:2:failed")
    deaf = Channel.objects.create(name="deaf", kind="webhook", url="http://127.0.0.1:9/")
    loud = Channel.objects.create(name="loud", kind="webhook", url="http://127.0.0.1:9/", hears_closed=True)
    named = Channel.objects.create(name="named", kind="webhook", url="http://127.0.0.1:9/")
    Subscription.objects.all().delete()
    for channel, service in ((deaf, ""), (loud, ""), (named, "flake")):
        Subscription.objects.create(channel=channel, service=service, kinds=["failed"], created_name="x")
    found = receivers.subscriptions(notice)
    assert set(receivers.channels(found, notice)) == {loud, named}
    Team.objects.update(closed=False)
    assert set(receivers.channels(found, notice)) == {deaf, loud, named}


def test_what_a_machine_said_is_not_for_whom_something_there_is_hidden(closed: World) -> None:
    host = closed.more["instance"].host
    said: dict[str, Any] = {
        "words": "flake-production-1 is in the way", "output": "CONTAINER flake-production-1", "who": "sara",
        "steps": [{"name": "x", "text": "Look", "state": "succeeded", "started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:01+00:00", "words": "flake"}],
        "params": {"shown": "docker logs flake-production-1"}, "reason": "drain flake", "state": "succeeded",
    }  # fmt: skip
    row = HostOperation.objects.create(host=host, kind="command.run", **said)
    elsewhere = HostOperation.objects.create(
        host=closed.more["operation"].host, kind="command.run", who="x", output="free words", state="failed"
    )
    places = [f"/hosts/{host.name}/", f"/hosts/{host.name}/operations/", row.get_absolute_url()]
    reads = [f"/api/v1/hosts/{host.name}/operations", f"/api/v1/hosts/{host.name}/operations/{row.pk}"]
    for person, sees in ((closed.developer, False), (closed.sre, True)):
        client = Client()
        client.force_login(person)
        api = Client(headers={"Authorization": f"Bearer {Token.make(person, 'x')[1]}"})
        answers = [client.get(one) for one in places] + [api.get(one) for one in reads]
        assert {one.status_code for one in answers} == {200}
        assert all(("flake" in one.content.decode()) == sees for one in answers), person
        assert all("sara" in one.content.decode() for one in answers[1:])
        assert ("flake-production-1" in client.get(places[1], {"q": "in the way"}).content.decode()) == sees
        assert "free words" in client.get(elsewhere.get_absolute_url()).content.decode()


def test_also_when_what_was_hidden_stood_there_once(closed: World) -> None:
    host = closed.more["instance"].host
    row = HostOperation.objects.create(
        host=host, kind="command.run", who="sara", output="flake was here", state="failed"
    )
    host.seen_containers.all().delete()
    client = Client()
    client.force_login(closed.developer)
    assert "flake" not in client.get(row.get_absolute_url()).content.decode()
