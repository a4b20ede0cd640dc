"""The log's pages: filters, difference, who sees what, export."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from containers.services import releases
from tests import factories
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit import sentences
from xqplatform.audit.actions import ACTIONS
from xqplatform.audit.models import Event
from xqplatform.audit.search import asked
from xqplatform.audit.search.finding import Search
from xqplatform.audit.search.shown import difference

pytestmark = pytest.mark.django_db


@pytest.fixture
def events(actor_sre: Actor, actor_dev: Actor, team: Any) -> list[Event]:
    return [
        audit.record(actor_sre, "team.create", team, after={"slug": "snow", "title": "<b>Snow</b>"}),
        audit.record(actor_sre, "team.change", team, before={"title": "a"}, after={"title": "b"}, reason="renamed"),
        audit.record(actor_dev, "people.manage", team, denied=True),
        audit.record(Actor.system(), "service.scale", None, after={"wanted": 6}),
    ]


def shown(client: Client, query: str) -> set[int]:
    page = client.get(f"/audit/?{query}")
    assert page.status_code == 200
    return {event.pk for event in page.context["events"]}


def test_filters(client: Client, sre: Any, events: list[Event], team: Any) -> None:
    client.force_login(sre)
    created, changed, denied, scaled = (e.pk for e in events)
    assert shown(client, "") == {created, changed, denied, scaled}
    assert shown(client, "who=dan") == {denied}
    assert shown(client, "action=team.*") == {created, changed}
    assert shown(client, "action=service.scale") == {scaled}
    assert shown(client, "q=renamed") == {changed}
    assert shown(client, "denied=1") == {denied}
    assert shown(client, f"object=accounts.team:{team.pk}") == {created, changed, denied}
    assert shown(client, "until=2001-01-01") == set()
    assert shown(client, "since=2001-01-01&until=9999-12-31") == {created, changed, denied, scaled}
    assert shown(client, "via=system&kind=&since=yesterday&before=z&sort=z") == {scaled}
    assert shown(client, f"before={scaled}") == {created, changed, denied}


def test_a_developer_sees_own_events_and_services(client: Client, developer: Any, events: list[Event]) -> None:
    client.force_login(developer)
    assert shown(client, "") == {events[2].pk}


def test_the_difference_is_escaped_and_shown(client: Client, sre: Any, events: list[Event]) -> None:
    client.force_login(sre)
    page = client.get(f"/audit/{events[1].pk}/").content.decode()
    assert "<del>a</del>" in page
    assert "<ins>b</ins>" in page
    assert "<b>Snow</b>" not in client.get("/audit/").content.decode()


@pytest.mark.parametrize("q", ["\x00", "%", "9" * 300, "'", "😀"])
def test_nonsense_finds_nothing(client: Client, sre: Any, events: list[Event], q: str) -> None:
    client.force_login(sre)
    for name in ("q", "who", "object", "action", "since", "until", "range", "denied", "before", "live"):
        assert client.get("/audit/", {name: q}).status_code == 200


def test_the_export_is_whole(client: Client, sre: Any, events: list[Event]) -> None:
    client.force_login(sre)
    text = b"".join(client.get("/audit/export.csv?action=team.*").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["action"] for r in rows] == ["team.change", "team.create"]
    assert rows[0]["after"] == '{"title": "b"}'


def test_an_object_tells_its_own_history(client: Client, sre: Any, events: list[Event], team: Any) -> None:
    client.force_login(sre)
    assert "renamed" in client.get(f"/settings/teams/{team.pk}/").content.decode()


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_action_reads_as_a_sentence(action: str) -> None:
    assert sentences.verb(Event(action=action))
    assert sentences.verb(Event(action=action, denied=True))


def test_every_right_has_words() -> None:
    from xqplatform.accounts.rights import READ, RIGHTS

    assert set(sentences.RIGHTS) >= RIGHTS - {READ}


def test_lists_and_nothing_are_readable() -> None:
    event = Event(before={"a": None, "b": [1]}, after={"a": True, "c": ""})
    rows = {d["key"]: (d["before"], d["after"]) for d in difference(event)}
    assert rows["a"] == ("–", "yes")
    assert rows["c"] == (None, "«»")
    assert difference(Event()) == []


def test_what_scales_by_itself_is_told_under_a_name_of_its_own(team: Any) -> None:
    """The seam for an autoscaler: the verb of people, called by a part of the platform that has a name."""
    place = factories.make_place(factories.make_service("snow", team), factories.make_environment())
    releases.scale(Actor.system("autoscaler"), place, 3, "load above 80 % for five minutes")
    event = Event.objects.get(action="service.scale")
    assert (event.actor, event.via, event.user) == ("autoscaler", "system", None)
    wanted = asked.read(QueryDict("q=who:autoscaler"), UTC, timezone.now())
    assert Search(Actor.system(), wanted).keys(10) == [event.pk]


def test_only_known_actions_and_ways_are_recorded(actor_sre: Actor) -> None:
    """The search takes it that there are no others (`matching.CLOSED`)."""
    for actor, action in ((actor_sre, "no.such"), (replace(actor_sre, via="pigeon"), "login")):
        with pytest.raises(KeyError):
            audit.record(actor, action, None)
    assert not Event.objects.exists()
