from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from builds.models import Build, BuildLine, Image, Project, Registry
from xqplatform.accounts.models import Token

pytestmark = pytest.mark.django_db


class Api:
    """The API as a person's token sees it."""

    def __init__(self, person: Any) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {Token.make(person, 'test')[1]}"}

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = self.client.generic(
            method, f"/api/v1{path}", _json(body), content_type="application/json", headers=self.headers
        )
        return answer.status_code, answer.json() if answer.content else None


def _json(body: Any) -> str:
    return "" if body is None else json.dumps(body)


def test_a_project_is_made_built_and_cancelled(developer: Any, team: Any, make_project: Callable[..., Project]) -> None:
    path = make_project("other").repository
    api = Api(developer)
    body = {"name": "snow", "team": "snow", "repository": path, "build_secrets": {"TOKEN": "geheim"}}
    code, made = api("POST", "/projects", body)
    assert (code, made["build_secrets"]) == (201, ["TOKEN"])
    assert "geheim" not in str(api("GET", "/projects/snow"))
    code, answer = api("POST", "/projects/snow/builds", {})
    assert (code, answer["state"]) == (202, "queued")
    assert api("POST", "/projects/snow/builds")[1]["id"] == answer["id"]
    build = Build.objects.get(pk=answer["id"])
    BuildLine.objects.create(build=build, number=1, text="one")
    assert api("GET", f"/builds/{build.pk}/log")[1] == {
        "lines": [{"number": 1, "step": 0, "text": "one"}],
        "next_after": 1,
        "active": True,
    }
    assert [b["id"] for b in api("GET", "/builds?project=snow")[1]] == [build.pk]
    assert api("POST", f"/builds/{build.pk}/cancel", {})[0] == 202
    assert api("GET", f"/builds/{build.pk}")[1]["state"] == "cancelled"
    assert api("POST", f"/builds/{build.pk}/cancel", {})[0] == 409
    versions = api("GET", "/projects/snow/versions?refresh=true")[1]
    assert [v["status"] for v in versions] == ["cancelled"]


def test_registries_are_for_sres(sre: Any, developer: Any) -> None:
    body = {"name": "main", "address": "127.0.0.1:9", "username": "u", "password": "geheim"}
    assert Api(developer)("POST", "/registries", body)[0] == 403
    code, made = Api(sre)("POST", "/registries", body)
    assert (code, made["state"], made["default"]) == (201, "down", True)
    assert "geheim" not in str(made)
    assert Api(sre)("PATCH", "/registries/main", {"address": "127.0.0.1:8"})[0] == 400, "not the password elsewhere"
    assert Api(sre)("DELETE", "/registries/main")[0] == 204
    assert not Registry.objects.exists()


def test_blueprints_have_versions(sre: Any) -> None:
    api = Api(sre)
    body = {"name": "java8V16", "base": True, "parent_reference": "scratch", "static_script": "make"}
    code, made = api("POST", "/blueprints", body)
    assert (code, made["version"]) == (201, 1)
    assert "FROM scratch" in made["dockerfile"]
    assert api("PATCH", "/blueprints/java8V16", {"static_script": "make all"})[1]["version"] == 2
    assert api("PATCH", "/blueprints/java8V16", {"parent": "java8V16"})[0] == 400
    assert api("POST", "/blueprints", {**body, "name": "JAVA8V16"})[0] == 400
    assert api("POST", "/blueprints/java8V16/builds")[0] == 202


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Upper"},
        {"name": ""},
        {"name": "a" * 100},
        {"name": "x\u0000y"},
        {"name": 5},
        {"repository": "relative"},
        {"repository": "https://u:p@example.com/x"},
        {"dockerfile": "../Dockerfile"},
        {"subfolder": "a/../../b"},
        {"default_branch": "a b"},
        {"registry": "none"},
        {"team": "none"},
        {"build_arguments": {"A B": "x"}},
        {"build_secrets": {"A": "abc"}},
        {"network": "n" * 200},
        [],
        None,
    ],
)
def test_nonsense_is_refused_with_a_reason(sre: Any, body: Any) -> None:
    if isinstance(body, dict):
        body = {"name": "snow", **body}
    code, answer = Api(sre)("POST", "/projects", body)
    assert 400 <= code < 500, answer
    assert answer["error"]


def test_what_is_needed_is_not_discarded(
    sre: Any, make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    from builds import guards

    image = Image.objects.create(project=make_project(), repository="snow", tag="1_aaaaaaaa_main_x")
    monkeypatch.setattr(guards, "DISCARD_GUARDS", [lambda i: "It runs in production."])
    code, answer = Api(sre)("POST", f"/images/{image.pk}/discard", {})
    assert (code, answer["error"]) == (409, "It runs in production.")
    monkeypatch.setattr(guards, "DISCARD_GUARDS", [])
    assert Api(sre)("POST", f"/images/{image.pk}/discard", {})[1]["state"] == "discarded"
