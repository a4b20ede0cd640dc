"""Rules of placement by page and by API: kept as typed when wrong, inherited where nothing is set."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from containers.models import Environment, ServiceEnvironment
from tests import factories

pytestmark = pytest.mark.django_db
PAGE, OF_ENVIRONMENT = "/services/snow/production/settings/placement/", "/settings/environments/production/placement/"


@pytest.fixture
def place() -> ServiceEnvironment:
    factories.make_service("rain")
    return factories.make_place(factories.make_service("snow"))


@pytest.fixture
def page(sre: Any, client: Client, place: ServiceEnvironment) -> Client:
    client.force_login(sre)
    return client


def test_a_place_and_its_environment_by_page(page: Client, place: ServiceEnvironment) -> None:
    general = {"pack": "pack", "rooms": "no", "per_host": "3", "avoid": "rain", "labels": "disk=ssd, fast"}
    assert page.post(OF_ENVIRONMENT, general).status_code == 302
    stored = {"pack": True, "rooms": False, "per_host": 3, "avoid": ["rain"], "labels": ["disk=ssd", "fast"]}
    assert Environment.objects.get(slug="production").placement == stored
    text = page.get(PAGE).content.decode()
    assert "as the environment: packed" in text
    assert 'placeholder="disk=ssd fast"' in text
    assert page.post(PAGE, {"pack": "", "rooms": "yes", "per_host": "0", "labels": "-"}).status_code == 302
    place.refresh_from_db()
    assert place.placement == {"rooms": True, "per_host": 0, "labels": []}
    text = page.get(PAGE).content.decode()
    assert 'name="labels" value="-"' in text
    assert page.post(PAGE, {}).status_code == 302
    place.refresh_from_db()
    assert place.placement == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("per_host", "9" * 4300),
        ("per_host", "501"),
        ("per_room", "-1"),
        ("pack", "<b>"),
        ("avoid", "nobody"),
        ("labels", "<script>"),
        ("unlabels", "a\x00b"),
        ("unlabels", "x" * 3000),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(page: Client, field: str, value: str) -> None:
    for url in (PAGE, OF_ENVIRONMENT):
        answer = page.post(url, {"pack": "", "rooms": "no", "per_host": "2", field: value})
        assert answer.status_code == 400
        assert "invalid-feedback" in answer.content.decode() or "alert-danger" in answer.content.decode()
    assert not ServiceEnvironment.objects.exclude(placement={}).exists()
    assert not Environment.objects.exclude(placement={}).exists()


def test_by_the_api(page: Client, place: ServiceEnvironment) -> None:
    def call(verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = getattr(page, verb)(f"/api/v1{path}", json.dumps(body), content_type="application/json")
        return answer.status_code, answer.json()

    assert call("patch", "/environments/production", {"placement": {"per_room": 4}})[1]["placement"] == {"per_room": 4}
    code, body = call("put", "/services/snow/production/placement", {"avoid": ["rain"]})
    assert (code, body["own"]) == (200, {"avoid": ["rain"]})
    assert body["effective"] == {"per_room": 4, "avoid": ["rain"]}
    assert page.get("/api/v1/services/snow/production/placement").json() == body
    code, body = call("put", "/services/snow/production/placement", {"per_host": 501})
    assert code == 400
    assert "whole number" in json.dumps(body)
    assert call("put", "/services/snow/production/placement", {"per_host": 10**4000})[0] in {400, 422}
