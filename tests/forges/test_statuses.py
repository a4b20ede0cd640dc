"""Commit statuses: noted with what they tell of, sent in each forge's way, never in the way of a build or a release."""

from __future__ import annotations

import ipaddress
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from builds import around
from builds.forges import dialects, services, statuses
from builds.models import Build, Forge, ForgeStatus
from containers.automatic import statuses as of_releases
from tests import factories
from tests.hooks.test_http import says, server
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Refused
from xqplatform.outgoing import networks

FINE = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
TOKEN = "t0ken-of-the-forge"


@pytest.fixture
def place(team: Any, settings: Any) -> Any:
    settings.HOOK_NETWORKS = ["127.0.0.1/32"]
    settings.PUBLIC_URL = "https://xq.example.com"
    return factories.make_running_place("snow", "production", 1, team=team)


def link(place: Any, developer: Any, port: int, kind: str = "gitea") -> Forge:
    data = {"kind": kind, "report": True, "api": f"http://127.0.0.1:{port}/api/v1", "token": TOKEN}
    return services.save(Actor.person(developer), place.service.project, data | {"repository": "team/snow"})[0]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", Forge.Kind.values)
def test_a_builds_states_are_sent_in_each_forges_way(place: Any, developer: Any, kind: str) -> None:
    with server(says(FINE)) as (port, asked):
        link(place, developer, port, kind)
        build = factories.make_build(place.service.project, "running")
        around.changed(build)
        statuses.send(ForgeStatus.objects.get().pk)
        build.state = "failed"
        around.changed(build)
        around.changed(build)
        assert len(statuses.due()) == 1
        statuses.send(ForgeStatus.objects.get().pk)
        assert statuses.due() == []
    row = ForgeStatus.objects.get()
    assert (row.state, row.status, row.tries) == ("sent", "failure", 1)
    path = f"/api/v1/projects/team%2Fsnow/statuses/{build.revision}" if kind == "gitlab" else f"/api/v1/repos/team/snow/statuses/{build.revision}"  # fmt: skip
    assert all(one.startswith(f"POST {path} HTTP/1.1".encode()) for one in asked)
    said = [json.loads(one.partition(b"\r\n\r\n")[2]) for one in asked]
    assert [one["state"] for one in said] == {"gitlab": ["running", "failed"]}.get(kind, ["pending", "failure"])
    assert said[1]["target_url"] == f"https://xq.example.com/builds/{build.pk}/"
    assert {one.get("name", one.get("context")) for one in said} == {"xq/build"}
    assert all(TOKEN.encode() in one for one in asked)


@pytest.mark.django_db
def test_a_forge_that_fails_is_asked_again_and_fails_nothing(place: Any, developer: Any) -> None:
    text = f"HTTP/1.1 500 Oh\r\nContent-Length: {len(TOKEN)}\r\n\r\n{TOKEN}".encode()
    with server(says(text)) as (port, asked):
        link(place, developer, port)
        around.changed(factories.make_build(place.service.project))
        pk = ForgeStatus.objects.get().pk
        for _ in range(10):
            statuses.send(pk)
            ForgeStatus.objects.update(due=timezone.now() - timedelta(seconds=1))
    row = ForgeStatus.objects.get()
    assert (row.state, len(asked)) == ("failed", statuses.MOST_TRIES)
    assert "500" in row.answer
    assert TOKEN not in row.answer, "what the other side says back is masked"


@pytest.mark.django_db
def test_it_goes_nowhere_inside(place: Any, developer: Any, settings: Any) -> None:
    settings.HOOK_NETWORKS = []
    with server(says(FINE)) as (port, asked):
        link(place, developer, port)
        around.changed(factories.make_build(place.service.project))
        statuses.send(ForgeStatus.objects.get().pk)
    row = ForgeStatus.objects.get()
    assert (row.state, asked) == ("failed", [])
    assert "127.0.0.1" in row.answer


@pytest.mark.parametrize("ip", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "::1", "fd00::1",
                                "64:ff9b::a00:1", "2002:a00:1::", "::ffff:10.0.0.1", "224.0.0.1", "0.0.0.0"])  # fmt: skip
def test_public_means_public(ip: str) -> None:
    assert not networks.judge(ipaddress.ip_address(ip), [], [], public=True)
    assert networks.judge(ipaddress.ip_address("140.82.121.6"), [], [], public=True)
    assert not networks.judge(ipaddress.ip_address("140.82.121.6"), [], [])


@pytest.mark.django_db
def test_releases_give_their_commits_a_status(place: Any, developer: Any, django_assert_num_queries: Any) -> None:
    release = factories.make_deployment(place, "running")
    of_releases.sweep()
    assert not ForgeStatus.objects.exists(), "nobody asked for it"
    link(place, developer, 9)
    of_releases.sweep()
    row = ForgeStatus.objects.get()
    assert (row.context, row.status, row.revision) == ("xq/deploy/production", "pending", place.current_image.revision)
    type(release).objects.update(state="rolled_back", finished=timezone.now())
    for _ in range(2):
        of_releases.sweep()
    row = ForgeStatus.objects.get()
    assert (row.status, row.version) == ("failure", 2)
    for _ in range(3):
        factories.make_deployment(
            place, "succeeded", finished=timezone.now(), image=factories.make_image(place.service.project)
        )
    of_releases.sweep()
    with django_assert_num_queries(3):
        of_releases.sweep()


@pytest.mark.django_db
def test_the_token_is_encrypted_never_shown_and_only_for_its_place(place: Any, developer: Any, client: Client) -> None:
    forge = link(place, developer, 9)
    client.force_login(developer)
    for page in ("/builds/projects/snow/forge/", "/api/v1/projects/snow/forge", "/audit/"):
        assert TOKEN not in client.get(page).content.decode()
    assert TOKEN not in str(list(Event.objects.values_list("before", "after")))
    with connection.cursor() as cursor:
        cursor.execute("select token from builds_forge")
        assert TOKEN not in str(cursor.fetchall())
    actor = Actor.person(developer)
    services.save(actor, forge.project, {"token": ""})
    assert Forge.objects.get().token == TOKEN
    with pytest.raises(Refused) as refused:
        services.save(actor, forge.project, {"api": "https://elsewhere.example.com/api/v1"})
    assert refused.value.field == "token"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "api", ["ftp://x/", "https://a:b@x/", "https://x:99999999/", "https://[x/", "https://x y/", "x" * 300]
)
def test_a_bad_address_is_refused_beside_its_field(place: Any, developer: Any, client: Client, api: str) -> None:
    client.force_login(developer)
    answer = client.put("/api/v1/projects/snow/forge", {"kind": "gitea", "api": api}, "application/json")
    assert (answer.status_code, answer.json()["field"]) == (400, "api")


@given(st.sampled_from(Forge.Kind.values), st.text(max_size=60))
def test_guessing_tells_a_name_or_nothing(kind: str, url: str) -> None:
    api, name = dialects.guess(kind, url)
    assert bool(api) == bool(name)
    assert dialects.guess("github", "git@github.com:team/snow.git") == ("https://api.github.com", "team/snow")
    assert dialects.guess("gitlab", "https://u@git.example/a/b/c.git") == ("https://git.example/api/v4", "a/b/c")
    assert dialects.guess("gitea", "/srv/git/x.git") == ("", "")


@pytest.mark.django_db
def test_a_build_ends_whatever_becomes_of_the_status(place: Any, developer: Any) -> None:
    """A key that cannot decrypt the token any more is of no concern to builds."""
    forge = link(place, developer, 9)
    with connection.cursor() as cursor:
        cursor.execute("update builds_forge set token = 'of another key', secret = 'of another key'")
    around.changed(factories.make_build(forge.project))
    assert Build.objects.exists()
    assert ForgeStatus.objects.get().state == "waiting"
