"""Tokens over the API: made once, never wider than what makes them, and of service accounts by who manages those."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests import factories
from xqplatform.accounts import service_accounts
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, Token, User
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
ALL = "/api/v1/tokens"


def bearer(user: User, **scope: Any) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.make(user, 'test', **scope)[1]}"})


def make(api: Client, **body: Any) -> Any:
    return api.post(ALL, {"label": "ci", **body}, content_type="application/json")


def test_a_token_is_made_shown_once_listed_and_revoked(developer: User, team: Team) -> None:
    factories.make_running_place("flake", "isolated", 1, team=team)
    api = bearer(developer)
    made = make(
        api, rights=["read", "service.deploy"], services=["flake"], environments=["isolated"], team="snow"
    ).json()
    raw = made.pop("token")
    listed = {row["id"]: row for row in api.get(ALL).json()}
    assert listed[made["id"]] == made
    assert (made["team"], made["services"], made["environments"]) == ("snow", ["flake"], ["isolated"])
    assert raw not in api.get(ALL).content.decode()
    used = Client(headers={"Authorization": f"Bearer {raw}"})
    assert used.get("/api/v1/services").status_code == 200
    assert raw not in str(list(Event.objects.values()))
    assert api.delete(f"{ALL}/{made['id']}").status_code == 204
    assert used.get("/api/v1/services").status_code == 401
    assert [e.action for e in Event.objects.order_by("pk")] == ["token.create", "token.revoke"]


@pytest.mark.parametrize(
    ("scope", "body", "status"),
    [
        ({"rights": ["read", "token.manage"]}, {}, 400),
        ({"rights": ["read", "token.manage"]}, {"rights": ["read", "service.deploy"]}, 400),
        ({"rights": ["read", "token.manage"]}, {"rights": ["read"]}, 201),
        ({"rights": ["read", "service.deploy"]}, {"rights": ["read"]}, 403),
        ({"rights": ["read"]}, {"rights": ["read"]}, 403),
        ({"services": ["flake"]}, {"services": ["flake"]}, 403),
        ({"environments": ["isolated"]}, {}, 403),
        ({}, {}, 201),
    ],
)
def test_a_token_makes_none_that_may_more(developer: User, scope: Any, body: Any, status: int) -> None:
    answer = make(bearer(developer, **scope), **body)
    assert answer.status_code == status, answer.content
    assert Token.objects.count() == 1 + (status == 201)


def test_service_accounts_tokens_by_who_manages_them(sre: User, developer: User, team: Team) -> None:
    service_accounts.create(Actor.person(sre), "ci-snow", team)
    assert make(bearer(sre), person="ci-snow", days=0).json()["state"] == "unending"
    assert [row["person"] for row in bearer(sre).get(f"{ALL}?person=ci-snow").json()] == ["ci-snow"]
    outsider = bearer(User.objects.create_user("otto"))
    assert make(outsider, person="ci-snow").status_code == 403
    assert outsider.get(f"{ALL}?person=ci-snow").status_code == 403
    assert make(outsider, person="sara").status_code == 403
    assert outsider.get(f"{ALL}?person=sara").status_code == 403
    assert make(outsider, person="nobody").json()["field"] == "person"


@pytest.mark.parametrize(
    "body",
    [{"label": ""}, {"label": "x" * 121}, {"days": -1}, {"days": 10**400}, {"days": 0}, {"rights": []},
     {"rights": ["fly"]}, {"team": "nobody"}, {"services": ["<script>"]}, {"environments": ["moon"]}, {"label": "a\x00b"},
     {"person": "\x00"}, {"wide": True}],
)  # fmt: skip
def test_nonsense_is_refused_with_a_reason(developer: User, body: Any) -> None:
    answer = make(bearer(developer), **body)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]
    assert Token.objects.count() == 1


def test_a_list_asks_as_often_for_many_as_for_one(
    developer: User, team: Team, django_assert_max_num_queries: Any
) -> None:
    api = bearer(developer)
    for n in range(20):
        Token.make(developer, f"t{n}", team_id=team.pk)
    with django_assert_max_num_queries(12):
        assert len(api.get(ALL).json()) == 21
