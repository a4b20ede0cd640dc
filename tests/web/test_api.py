"""The API's frame: who may come in, and what errors look like."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Token

pytestmark = pytest.mark.django_db


class Caller:
    def __init__(self, person: Any) -> None:
        self.token, raw = Token.make(person, "test")
        self.client = Client(headers={"Authorization": f"Bearer {raw}"})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query)


@pytest.fixture
def caller(sre: Any) -> Caller:
    return Caller(sre)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer xq_nonsense", "Basic YTpi", "Bearer \x7f", "Bearer " + "x" * 9000]
)
def test_without_a_token_nobody_comes_in(client: Client, header: str) -> None:
    response = client.get("/api/v1/audit", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.json()["error"]


def test_the_token_acts_as_its_person(caller: Caller, sre: Any) -> None:
    assert caller.get("/audit").status_code == 200
    caller.token.refresh_from_db()
    assert caller.token.last_used is not None
    sre.is_active = False
    sre.save()
    assert caller.get("/audit").status_code == 401


def test_the_session_of_a_page_may_read(client: Client, sre: Any) -> None:
    client.force_login(sre)
    assert client.get("/api/v1/audit").status_code == 200


def test_events_in_pages(caller: Caller, sre: Any, team: Any) -> None:
    for n in range(5):
        audit.record(Actor.person(sre), "team.change", team, after={"n": n})
    first = caller.get("/audit", limit=3, object=f"accounts.team:{team.pk}").json()
    assert [e["after"]["n"] for e in first["items"]] == [4, 3, 2]
    rest = caller.get("/audit", before=first["next_before"], action="team.*").json()
    assert [e["after"]["n"] for e in rest["items"]] == [1, 0]
    assert rest["next_before"] is None
    one = caller.get(f"/audit/{first['items'][0]['id']}").json()
    assert one["words"] == "changed the team"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/audit/999999999999999999999999", {}, 404),
        ("/audit", {"limit": "x"}, 422),
        ("/audit", {"before": 10**30}, 422),
        ("/audit", {"since": "yesterday"}, 422),
        ("/audit", {"actor": "\x00"}, 400),
        ("/audit", {"action": "a" * 100}, 422),
        ("/nothing", {}, 404),
    ],
)
def test_nonsense_is_answered_with_the_reason(caller: Caller, path: str, query: Any, status: int) -> None:
    response = caller.get(path, **query)
    assert response.status_code == status
    assert response.json()["error"]


def test_openapi_and_reference_are_open(client: Client) -> None:
    document = client.get("/api/openapi.json").json()
    assert "/api/v1/audit" in document["paths"]
    page = client.get("/api/docs").content.decode()
    assert "cdn" not in page.lower()


BODIES = [
    b"{", b"[]", b"3", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": "\\u0000"}', b'{"a": "\\ud800"}',
    b'{"a": 1' + b"0" * 400 + b"}", b'{"a": NaN}', b'{"a": ' + b"9" * 6000 + b"}", b'{"\\u0000": 1}', b"",
]  # fmt: skip


def operations() -> list[tuple[str, str]]:
    """Every operation of every app that takes a body, with an address made up."""
    import re

    from xqplatform.api import api

    found = []
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method in methods:
            if method in {"post", "put", "patch", "delete"}:
                found.append((method, re.sub(r"{[^}]+}", "1", path)))
    return found


def test_no_body_of_nonsense_breaks_any_operation(caller: Caller, enqueued: Any) -> None:
    for method, path in operations():
        for body in BODIES:
            response = caller.client.generic(method.upper(), path, body, content_type="application/json")
            assert response.status_code < 500, (method, path, body[:40], response.content[:300])


@pytest.mark.parametrize("body", BODIES[5:13], ids=repr)
def test_the_parser_says_what_is_wrong(body: bytes) -> None:
    from django.test import RequestFactory

    from xqplatform.errors import Refused
    from xqplatform.rest import StrictParser

    request = RequestFactory().generic("POST", "/", body, content_type="application/json")
    with pytest.raises(Refused) as refusal:
        StrictParser().parse_body(request)
    assert refusal.value.code == 400
