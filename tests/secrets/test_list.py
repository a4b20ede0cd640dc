"""The list of a team's secrets and the company's: versions, ages, use, and who sees which; never a value."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from builds.models import Project
from builds.services import registries
from containers import secret_list
from containers.models import ConfigVersion
from tests import factories
from xqplatform import audit
from xqplatform.accounts.models import Team
from xqplatform.alerts.models import Channel
from xqplatform.secrets import encrypt

pytestmark = pytest.mark.django_db
HOOK = {"name": "tell", "at": "stop.before", "kind": "http", "url": "https://desk.example/out", "signed": True}


def secrets(**values: str) -> str:
    return encrypt(json.dumps(values))


@pytest.fixture
def place(team: Any) -> Any:
    place = factories.make_running_place("snow", "production", 1, team=team)
    old = factories.make_config(place, {"secret_names": ["DB"]}, secrets=secrets(DB="zebra-old"), author="olga")
    ConfigVersion.objects.filter(pk=old.pk).update(created=timezone.now() - timedelta(days=500))
    content = {"secret_names": ["DB", "API"], "hooks": [HOOK]}
    new = {"DB": "zebra-old", "API": "zebra-api", "hook:tell": "zebra-hook"}
    place.config = factories.make_config(place, content, secrets=secrets(**new), author="carla")
    place.save()
    place.instances.get().containers.update(config=place.config)
    return place


def page(client: Client, person: Any, query: str = "") -> str:
    client.force_login(person)
    answer = client.get(f"/secrets/{query}")
    assert answer.status_code == 200
    text = " ".join(answer.content.decode().split())
    assert "zebra" not in text
    return text


def test_a_teams_list_says_age_author_and_use(client: Client, sre: Any, actor_sre: Any, place: Any, team: Any) -> None:
    project = Project.objects.create(name="lib", team=team, repository_password="zebra-repo")
    audit.record(actor_sre, "project.create", project, after={"name": "lib"})
    audit.record(actor_sre, "project.change", project, after={"repository_password": "•••"})
    audit.record(actor_sre, "project.change", project, after={"builder": "x"})
    text = page(client, sre, f"?team={team.slug}")
    assert "1 of 4 were not changed for 365 days" in text
    rows = {
        name: text.partition(f">{name}<")[2].partition("</tr>")[0]
        for name in ("DB", "API", "hook:tell", "repository password")
    }
    assert "olga" in rows["DB"]
    assert " old<" in rows["DB"]
    assert "version 1: #1" in rows["DB"]
    assert "carla" in rows["API"]
    assert " old<" not in rows["API"]
    assert "stop.before" in rows["hook:tell"]
    assert "#1" not in rows["hook:tell"], "containers never get it"
    assert actor_sre.name in rows["repository password"]
    assert ">2<" in rows["repository password"], "set twice, and another change in between"
    only_old = page(client, sre, f"?team={team.slug}&old=1")
    assert ">DB<" in only_old
    assert ">API<" not in only_old
    assert "stop.before" in page_of_service(client)


def page_of_service(client: Client) -> str:
    text = client.get("/services/snow/secrets/").content.decode()
    assert "zebra" not in text
    return text


def test_the_companys_own_are_for_who_manages_them(
    client: Client, sre: Any, developer: Any, actor_sre: Any, place: Any
) -> None:
    data = {"name": "main", "address": "127.0.0.1:9", "username": "u", "password": "zebra-one"}
    row = registries.save_registry(actor_sre, None, data)
    registries.save_registry(actor_sre, row, data | {"password": "zebra-two"})
    factories.make_host("h-keyed", key="zebra-key")
    channel = Channel.objects.create(name="ops", kind="webhook", url="https://zebra.example/zebra", secret="zebra-sign")
    audit.record(actor_sre, "alert.channel.create", channel, after={"name": "ops"})
    text = page(client, sre, "?team=-")
    registry = text.partition("registry main")[2].partition("</tr>")[0]
    assert ">2<" in registry
    assert actor_sre.name in registry
    keyed = text.partition("host h-keyed")[2].partition("</tr>")[0]
    assert "not known" in keyed
    assert " old<" in keyed, "what nobody knows the age of counts as old"
    assert "every rule that names no channel" in text.partition("channel ops")[2].partition("</tr>")[0]
    assert "registry main" not in page(client, developer)
    assert client.get("/secrets/?team=-").status_code == 404


def test_closed_teams_are_not_there_for_others(client: Client, sre: Any, developer: Any, place: Any) -> None:
    closed = Team.objects.create(slug="quiet", title="Quiet", closed=True)
    other = factories.make_running_place("reef", "production", 1, team=closed)
    other.config = factories.make_config(other, {"secret_names": ["REEF"]}, secrets=secrets(REEF="zebra-reef"))
    other.save()
    assert ">REEF<" in page(client, sre, "?team=quiet")
    assert "quiet" not in page(client, developer)
    for nonsense in ("quiet", "nobody", "%00", "<b>", "9" * 4300):
        assert client.get("/secrets/", {"team": nonsense}).status_code == 404


def test_a_team_of_many_places_costs_as_many_queries_as_one(
    actor_sre: Any, place: Any, team: Any, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(12):
        more = factories.make_running_place(f"snow{n}", "production", 2, team=team)
        for value in ("zebra-old", "zebra-new"):
            config = factories.make_config(more, {"secret_names": ["DB"]}, secrets=secrets(DB=value))
            more.instances.get(number=1).containers.update(config=config)
    with django_assert_max_num_queries(10):
        rows = secret_list.of_team(actor_sre, team)
    assert len(rows) == 3 + 12
    assert {(one.number, one.users) for one in rows if one.of.startswith("snow1 ")} == {(2, ("version 2: #1",))}
    monkeypatch.setattr(secret_list, "MOST", 1)  # the newest ones of each place, whatever others have
    assert {one.number for one in secret_list.of_team(actor_sre, team)} == {1}
