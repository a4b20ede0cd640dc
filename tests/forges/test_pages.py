"""The page of a project's forge and its API: the secret is shown once, what came is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from builds.models import Forge
from tests import factories
from tests.forges.calls import push, send

pytestmark = pytest.mark.django_db
PAGE = "/builds/projects/snow/forge/"


def test_the_secret_is_shown_once_and_stored_encrypted(client: Client, make_project: Any, developer: Any) -> None:
    make_project()
    client.force_login(developer)
    answer = client.post(PAGE, {"kind": "gitea", "branches": "main", "tags": "v*", "enabled": "on"})
    forge = Forge.objects.get()
    text = answer.content.decode()
    assert forge.secret in text
    assert f"/forge/{forge.key}/" in text
    assert answer["Cache-Control"].startswith("max-age=0")
    assert forge.secret not in client.get(PAGE).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("select secret from builds_forge")
        assert forge.secret not in str(cursor.fetchall())
    assert client.post(f"{PAGE}secret/").status_code == 200
    old, forge = forge, Forge.objects.get()
    assert old.secret != forge.secret
    assert send(old, push("a" * 40), secret=old.secret).status_code == 401
    assert send(forge, push("a" * 40, kind="gitea")).status_code == 202
    for word in (old.secret, forge.secret):
        assert word not in client.get("/audit/").content.decode()
    # The other's set-up changed by somebody else: the right that stands behind it is theirs then.
    assert client.get(PAGE).content.decode().count("dan") >= 1
    assert client.post(f"{PAGE}remove/").status_code == 302
    assert not Forge.objects.exists()


def test_bad_patterns_stay_in_the_form(client: Client, make_project: Any, developer: Any) -> None:
    make_project()
    client.force_login(developer)
    answer = client.post(PAGE, {"kind": "gitea", "branches": "a" * 130})
    assert answer.status_code == 400
    assert "a" * 130 in answer.content.decode()
    assert not Forge.objects.exists()
    assert client.post(PAGE, {"kind": "svn"}).status_code == 400


def test_what_came_is_told_and_escaped(client: Client, forge: Forge, developer: Any) -> None:
    send(forge, push("a" * 40, "<b>main", sender={"login": "<script>"}))
    client.force_login(developer)
    text = client.get(PAGE).content.decode()
    assert "&lt;b&gt;main" in text
    assert "<b>main" not in text
    assert "<script>\n" not in text
    assert client.get(f"{PAGE}?q=nothing-like-it&state=refused&page=999999999999").status_code == 200


def test_the_api_tells_the_same(client: Client, forge: Forge, developer: Any) -> None:
    client.force_login(developer)
    send(forge, push("a" * 40))
    build = factories.make_build(forge.project)
    forge.deliveries.update(build=build)
    assert "by otto" in client.get(f"/builds/{build.pk}/").content.decode()
    found = client.get("/api/v1/projects/snow/forge/deliveries").json()
    assert [(one["name"], one["state"], one["kind"]) for one in found] == [("main", "received", "push")]
    shown = client.get("/api/v1/projects/snow/forge").json()
    assert shown["kind"] == "github"
    assert "secret" not in shown
    assert client.get("/api/v1/projects/nothing/forge").status_code == 404
