"""The same over the API: one's own things with any token, subscriptions by right, nonsense with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.notices import telling
from tests import factories
from tests.notices.conftest import inbox
from tests.waiting.conftest import Yard
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Token, User
from xqplatform.alerts.models import Channel
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.make(user, 'test')[1]}"})


def call(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = client.generic(method, f"/api/v1{path}", (body and _json(body)) or "", content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


def _json(body: Any) -> str:
    import json

    return json.dumps(body)


def test_an_inbox_is_read_marked_and_private(yard: Yard, developer: User, sre: User) -> None:
    row = factories.make_deployment(yard.place, "failed", created_by=developer)
    telling.ended(row, "failed", "2 of 4", Actor.system())
    assert inbox(developer) == ["failed"]
    mine, other = client_of(developer), client_of(sre)
    ((_code, (entry,)), unread) = call(mine, "GET", "/inbox"), "/inbox?unread=true"
    assert entry["title"] == f"snow · production: release #{row.pk} has failed"
    assert (entry["relation"], entry["read"], entry["lines"][1]) == ("mine", None, "2 of 4")
    assert call(other, "GET", "/inbox") == (200, [])
    assert call(other, "POST", "/inbox/read", {"id": entry["id"]})[0] == 404
    assert call(mine, "POST", "/inbox/read", {"id": entry["id"]}) == (200, {"changed": 1})
    assert call(mine, "GET", unread) == (200, [])
    assert call(mine, "POST", "/inbox/read", {"id": entry["id"], "read": False}) == (200, {"changed": 1})
    assert len(call(mine, "GET", unread + "&kind=failed&limit=1")[1]) == 1


def test_wishes_and_the_own_channel(developer: User, settings: Any) -> None:
    client = client_of(developer)
    assert call(client, "PUT", "/inbox/preferences", {"inbox": {"begun": "all"}})[1]["inbox"]["begun"] == "all"
    assert call(client, "GET", "/inbox/preferences")[1]["own"]["failed"] == "team"
    assert call(client, "PUT", "/inbox/preferences", {"inbox": {"nonsense": "all"}})[0] == 400
    assert call(client, "GET", "/inbox/channel")[0] == 404
    assert call(client, "POST", "/inbox/channel/test", {})[0] == 409
    settings.MAIL_URL = "mailto://localhost"
    code, made = call(client, "PUT", "/inbox/channel", {"kind": "mail", "address": "dan@example.com"})
    assert (code, made) == (200, {"kind": "mail", "service": "Email", "ok": None, "problem": ""})
    assert call(client, "POST", "/inbox/channel/test", {})[0] == 202
    assert call(client, "GET", "/alert-deliveries") == (200, [])
    assert call(client, "GET", "/alert-channels") == (200, [])
    assert call(client, "DELETE", "/inbox/channel")[0] == 204


def test_subscriptions(yard: Yard, developer: User) -> None:
    Channel.objects.create(name="ops", kind="webhook", url="http://127.0.0.1:9/x")
    client = client_of(developer)
    given = {"channel": "ops", "service": "snow", "kinds": ["failed"]}
    code, made = call(client, "POST", "/notice-subscriptions", given)
    assert (code, made["channel"], made["team"], made["kinds"]) == (201, "ops", None, ["failed"])
    assert len(call(client, "GET", "/notice-subscriptions")[1]) == 1
    for wrong, code in (
        ({"channel": "no"}, 400),
        ({"kinds": ["x"]}, 422),
        ({"service": ""}, 403),
        ({"channel": ""}, 400),
    ):
        assert call(client, "POST", "/notice-subscriptions", given | wrong)[0] == code
    assert call(client, "DELETE", f"/notice-subscriptions/{made['id']}")[0] == 204


def test_a_token_without_the_scope_leaves_its_owners_inbox_alone(developer: User) -> None:
    """Or whoever steals one would silence the person before doing more."""
    wishes, body = "/api/v1/inbox/preferences", '{"inbox": {"failed": "none"}}'
    calls = [("put", wishes, body), ("post", "/api/v1/inbox/read", "{}"), ("delete", "/api/v1/inbox/channel", ""),
             ("put", "/api/v1/inbox/channel", '{"kind": "mail", "address": "x@y.example"}'),
             ("post", "/api/v1/inbox/channel/test", "")]  # fmt: skip
    narrow = Token.make(developer, "ci", rights=["read", "service.deploy"])[1]
    placed = Token.make(developer, "ci", services=["flake"])[1]
    for raw in (narrow, placed):
        api = Client(headers={"Authorization": f"Bearer {raw}"})
        for method, path, data in calls:
            assert getattr(api, method)(path, data, content_type="application/json").status_code == 403, path
        assert api.get(wishes).status_code == 200
    allowed = Client(headers={"Authorization": f"Bearer {Token.make(developer, 'x', rights=['inbox.manage'])[1]}"})
    assert allowed.put(wishes, body, content_type="application/json").json()["inbox"]["failed"] == "none"
    assert Event.objects.filter(action="inbox.manage", denied=True).count() == 2 * len(calls)
