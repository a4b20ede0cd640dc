"""The REST API of services: what it does, what it refuses, and that nonsense never breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from containers.models import Deployment, Environment, Service
from tests import factories
from tests.browser import seed
from xqplatform.accounts.models import Token, User
from xqplatform.audit.models import Event

BASE = "/api/v1/services/snow/production"


@pytest.fixture
def api(db: None) -> Callable[..., Any]:
    """`api("sara", "post", "/services", {...})` with a bearer token."""
    client = Client()
    tokens: dict[str, str] = {}

    def call(who: str, method: str, path: str, body: Any = None, raw: str | None = None) -> Any:
        if who not in tokens:
            seed.people()
            tokens[who] = Token.make(User.objects.get(username=who), "test")[1]
        data = raw if raw is not None else json.dumps(body) if body is not None else "" if method != "get" else None
        address = path if path.startswith("/api") else f"/api/v1{path}"
        more: dict[str, Any] = {"data": data, "content_type": "application/json"} if data is not None else {}
        return getattr(client, method)(address, **more, headers={"Authorization": f"Bearer {tokens[who]}"})

    return call


def test_reads(rows: dict[str, int], api: Any) -> None:
    for path in [
        "/services",
        "/services?q=snow&team=snow&limit=2&offset=0",
        "/services/snow",
        "/services/snow/production",
        "/services/snow/production/versions",
        "/services/snow/production/versions?all=true",
        "/services/snow/production/settings",
        "/services/snow/production/settings/diff?a=2&b=3",
        "/services/snow/production/instances",
        "/environments",
        "/environments/production",
        "/deployments",
        "/deployments?service=snow&environment=production&state=running&q=quote",
        f"/deployments/{rows['active']}",
        f"/deployments/{rows['failed']}",
        f"/instances/{rows['drifted']}",
    ]:
        assert api("mia", "get", path).status_code == 200, path
    place = api("mia", "get", "/services/snow/production").json()
    assert (place["state"], place["instances"], place["active"]) == ("drift", 12, rows["active"])
    shown = api("mia", "get", f"/deployments/{rows['active']}").json()
    assert len(shown["steps"]) == 12
    assert shown["words"]


def test_a_token_is_needed(db: None) -> None:
    answer = Client().get("/api/v1/services")
    assert answer.status_code == 401
    assert "error" in answer.json()


def test_settings_never_show_a_secret(place: Any, api: Any) -> None:
    body = {"settings": {"secret_names": ["PASSWORD"]}, "secrets": {"PASSWORD": "open sesame"}}
    assert api("sara", "post", f"{BASE}/settings", body).status_code == 201
    for path in (f"{BASE}/settings", f"{BASE}/settings/diff?a=1&b=2", BASE):
        assert "sesame" not in api("sara", "get", path).content.decode()
    place.refresh_from_db()
    assert place.config.version == 2


def test_deploy_pause_resume_cancel(place: Any, api: Any) -> None:
    image = factories.make_image(place.service.project)
    plan = api("dan", "post", f"{BASE}/deployments/preview", {"image": image.pk}).json()
    assert plan["fits"]
    assert len(plan["entries"]) == 4
    answer = api(
        "dan", "post", f"{BASE}/deployments", {"image": image.tag, "reason": "why", "policy": {"batch": "50%"}}
    )
    assert answer.status_code == 202, answer.content
    link = answer["Location"]
    assert answer.json()["link"] == link
    second = api("dan", "post", f"{BASE}/deployments", {"image": image.pk})
    assert second.status_code == 409
    assert "dan" in second.json()["error"]
    assert api("dan", "get", link).json()["state"] == "queued"
    assert api("dan", "post", f"{link}/pause", {"reason": "lunch"}).status_code == 202
    assert api("dan", "post", f"{link}/resume").status_code == 202
    assert api("dan", "post", f"{link}/cancel").status_code == 202
    assert api("dan", "post", f"{link}/rollback").status_code == 202
    assert Deployment.objects.get().asked == "rollback"


def test_scale_and_operate(place: Any, api: Any) -> None:
    plan = api("dan", "post", f"{BASE}/scale/preview", {"instances": 2}).json()
    assert [e["action"] for e in plan["entries"]] == ["remove", "remove"]
    answer = api("dan", "post", f"{BASE}/scale", {"instances": 2, "reason": "night"})
    assert answer.status_code == 202
    Deployment.objects.update(state="succeeded")
    assert api("dan", "post", f"{BASE}/instances/restart", {"instances": [1, 2]}).status_code == 202
    Deployment.objects.update(state="succeeded")
    answer = api("dan", "post", f"{BASE}/instances/restart", {"instances": [77]})
    assert answer.status_code == 409
    assert "77" in answer.json()["error"]
    assert api("dan", "post", f"{BASE}/instances/explode").status_code in {400, 422}


def test_scale_before_the_first_release_is_noted(db: None, api: Any) -> None:
    factories.make_place(factories.make_service("snow"), "production")
    answer = api("sara", "post", f"{BASE}/scale", {"instances": 7})
    assert answer.status_code == 200
    assert answer.json()["wanted"] == 7


def test_services_are_made_changed_removed(db: None, api: Any) -> None:
    factories.make_environments()
    body = {"slug": "tide", "team": "snow", "repository": "https://git.example/tide.git", "environments": ["grey"]}
    answer = api("dan", "post", "/services", body)
    assert answer.status_code == 201, answer.content
    assert [p["environment"] for p in answer.json()["places"]] == ["grey"]
    again = api("dan", "post", "/services", body)
    assert (again.status_code, again.json()["field"]) == (409, "slug")
    assert api("dan", "patch", "/services/tide", {"title": "Tide"}).json()["title"] == "Tide"
    assert api("dan", "put", "/services/tide/production").status_code == 201
    assert api("dan", "delete", "/services/tide?reason=over").status_code == 202
    assert Service.objects.get(slug="tide").removed is not None


def test_environments_are_the_sres(db: None, api: Any) -> None:
    body = {"slug": "stage", "title": "Stage", "branch": "stage", "groups": [], "production": False}
    assert api("dan", "post", "/environments", body).status_code == 403
    assert Event.objects.filter(denied=True, actor="dan", action="environment.manage").exists()
    assert api("sara", "post", "/environments", body).status_code == 201
    assert api("sara", "patch", "/environments/stage", {"auto_repair": True}).json()["auto_repair"] is True
    assert api("sara", "patch", "/environments/stage", {"groups": ["nowhere"]}).status_code == 400
    assert api("sara", "delete", "/environments/stage").status_code == 204
    assert not Environment.objects.filter(slug="stage").exists()


CHANGES = [
    ("post", f"{BASE}/deployments", {"image": 1}),
    ("post", f"{BASE}/scale", {"instances": 2}),
    ("post", f"{BASE}/instances/restart", {"instances": [1]}),
    ("post", f"{BASE}/instances/stop", {"instances": [1]}),
    ("post", f"{BASE}/settings", {"settings": {}}),
    ("delete", f"{BASE}/instances", None),
    ("patch", "/services/snow", {"title": "Ours now"}),
    ("delete", "/services/snow", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
@pytest.mark.parametrize("who", ["quinn", "mia"])
def test_others_are_denied_and_it_is_recorded(
    place: Any, api: Any, who: str, method: str, path: str, body: Any
) -> None:
    if "deployments" in path:
        body = {"image": factories.make_image(place.service.project).pk}
    answer = api(who, method, path, body)
    assert answer.status_code == 403, answer.content
    assert "error" in answer.json()
    assert Event.objects.filter(denied=True, actor=who, via="api").exists()
    assert not Deployment.objects.exists()


NONSENSE: list[Any] = [None, -1, 10**30, 1.5, True, "x", "\x00", "a" * 5000, [[]], {"a": "٣"}]
BODIES = {
    "/services": ("slug", "title", "kind", "team", "environments", "instances", "repository", "blueprint", "registry"),
    "/environments": ("slug", "title", "position", "colour", "production", "branch", "groups", "segment"),
    f"{BASE}/deployments": ("image", "reason", "config", "policy"),
    f"{BASE}/scale": ("instances", "reason"),
    f"{BASE}/instances/restart": ("instances", "reason"),
    f"{BASE}/settings": ("settings", "secrets", "reason"),
}


@pytest.mark.parametrize("path", BODIES)
def test_nonsense_is_refused_with_a_reason(place: Any, api: Any, path: str) -> None:
    for field in BODIES[path]:
        for value in NONSENSE:
            answer = api("sara", "post", path, {"slug": "ok", field: value})
            assert answer.status_code in {200, 201, 202, 400, 409, 422}, (field, value, answer.content)
            if answer.status_code >= 400:
                assert answer.json()["error"], (field, value)


SETTINGS = [
    "cpus", "memory", "pids", "read_only", "tmpfs", "volumes", "env", "secret_names", "command", "health",
    "stop_signal", "role_command", "stop_timeout", "restart_policy", "log_driver", "log_options", "persist", "unknown",
]  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_nonsense_in_settings_is_refused_with_a_reason(place: Any, api: Any, name: str) -> None:
    for value in NONSENSE:
        answer = api("sara", "post", f"{BASE}/settings", {"settings": {name: value}})
        assert answer.status_code in {201, 400, 409}, (value, answer.content)


@pytest.mark.parametrize("policy", ["batch", "pause", "order", "deadline", "on_failure", "unknown"])
def test_nonsense_in_a_policy_is_refused_with_a_reason(place: Any, api: Any, policy: str) -> None:
    image = factories.make_image(place.service.project)
    for value in NONSENSE:
        answer = api("sara", "post", f"{BASE}/deployments/preview", {"image": image.pk, "policy": {policy: value}})
        assert answer.status_code in {200, 400, 422}, (value, answer.content)


@pytest.mark.parametrize("raw", ["", "{", "[]", '"x"', "null", "{" * 5000, '{"image": 1e999}', "\x00"])
def test_what_is_no_json_is_refused(place: Any, api: Any, raw: str) -> None:
    answer = api("sara", "post", f"{BASE}/deployments", raw=raw)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/deployments/-1",
        "/deployments/99999999999999999999999",
        "/instances/99999999999999999999999",
        "/services/%00",
        "/services/snow/%00",
        "/environments/%00",
        "/services/snow/production/settings/diff?a=0&b=x",
        "/services?limit=-1",
        "/services?limit=1e9&offset=99999999999999999999",
        "/deployments?state=great",
    ],
)
def test_nonsense_in_addresses_is_refused(place: Any, api: Any, path: str) -> None:
    assert api("sara", "get", path).status_code in {400, 404, 422}
