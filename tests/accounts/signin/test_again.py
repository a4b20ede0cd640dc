"""Somebody without a password shows again who they are: by a passkey, or by signing in anew at their provider."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tests.accounts.signin.parts import go, kinds, signed_in
from tests.accounts.test_sudo import CARRIED, old
from xqplatform.accounts import sudo
from xqplatform.accounts.models import Team, User
from xqplatform.accounts.signin.idtoken import LEEWAY, Unverified, require_anew
from xqplatform.accounts.signin.models import Provider
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
TYPED = {"slug": "ice", "title": 'Ice & "snow"'}
AGAIN = "/login/oidc/corp/again/"


@pytest.fixture
def lin(client: Client, corp: Provider) -> User:
    """Signed in by the provider, an hour ago; no password."""
    go(client)
    person = User.objects.get(username="lin")
    User.objects.filter(pk=person.pk).update(role="admin")
    old(client)
    return person


def proofs() -> list[tuple[bool, Any, str]]:
    return list(
        Event.objects.filter(action="session.proof").order_by("pk").values_list("denied", "after__by", "reason")
    )


def test_a_fresh_sign_in_at_the_provider_is_a_proof(client: Client, lin: User) -> None:
    asked = client.post("/settings/teams/new/", TYPED)
    assert asked.status_code == 403
    page = asked.content.decode()
    assert "Sign in anew with Corp" in page
    assert 'type="password"' not in page, "there is none that could be typed"
    there = parse_qs(urlsplit(client.get(AGAIN)["Location"]).query)
    assert (there["prompt"], there["max_age"]) == (["login"], ["0"])
    assert go(client, AGAIN)["Location"] == "/account/again/done/"
    assert "Close this tab" in client.get("/account/again/done/").content.decode()
    carried = dict(CARRIED.findall(page))
    assert client.post("/settings/teams/new/", {**TYPED, **{k: TYPED[k] for k in carried}}).status_code == 302
    assert Team.objects.filter(slug="ice").exists()
    assert proofs() == [(False, "corp", "")]
    assert signed_in(client)


def test_of_what_is_read_it_leads_back_there_and_nowhere_else(client: Client, lin: User) -> None:
    page = client.get("/terminals/7/recording/?speed=2").content.decode()
    assert f"{AGAIN}?next=%2Fterminals%2F7%2Frecording%2F%3Fspeed%3D2" in page
    for path, to in [
        ("/terminals/7/recording/?speed=2",) * 2,
        ("https://evil.example/", "/account/again/done/"),
        ("//evil.example", "/account/again/done/"),
        ("\x00", "/account/again/done/"),
    ]:
        assert go(client, f"{AGAIN}?{urlencode({'next': path})}")["Location"] == to


@pytest.mark.parametrize("wrong", ["not asked anew", "from the future", "no time"])
def test_a_provider_that_did_not_ask_proves_nothing(client: Client, lin: User, tell: Any, wrong: str) -> None:
    tell(wrong)
    go(client, AGAIN)
    assert "Nothing was proven" in client.get("/account/again/done/").content.decode()
    assert client.post("/settings/teams/new/", TYPED).status_code == 403
    assert [(denied, by) for denied, by, _why in proofs()] == [(True, "corp")]
    assert signed_in(client)


def test_somebody_elses_account_there_proves_nothing_and_makes_nobody(client: Client, lin: User, tell: Any) -> None:
    tell(sub="subject-2", preferred_username="other")
    go(client, AGAIN)
    assert client.post("/settings/teams/new/", TYPED).status_code == 403
    assert proofs() == [(True, "corp", "another subject")]
    assert not User.objects.filter(username="other").exists()
    tell("cancelled")
    assert go(client, AGAIN)["Location"] == "/account/signing-in/"
    assert signed_in(client)


def test_an_old_log_in_there_is_no_fresh_proof_here(client: Client, corp: Provider, tell: Any) -> None:
    """The provider let them in without asking: whoever sits at the screen could do that."""
    go(client)
    User.objects.filter(username="lin").update(role="admin")
    assert client.post("/settings/teams/new/", TYPED).status_code == 403
    tell(auth_time=int(time.time()))
    fresh = Client()
    go(fresh)
    assert fresh.post("/settings/teams/new/", TYPED).status_code == 302


def test_factors_are_changed_after_it_too(client: Client, lin: User) -> None:
    answer = client.get("/account/signing-in/app/")
    assert answer["Location"].startswith(f"{AGAIN}?next=")
    assert go(client, answer["Location"])["Location"] == "/account/signing-in/app/"
    assert client.get("/account/signing-in/app/").status_code == 200
    assert kinds(lin) == []


@pytest.mark.parametrize(
    "nonsense",
    ["{}", "[]", '"x"', "5", "null", "{", "\x00", '{"id": 5}', '{"id": "AA", "rawId": "AA", "response": {}}',
     '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}'],
)  # fmt: skip
def test_a_passkeys_answer_that_is_none_is_a_wrong_one(client: Client, sre: User, nonsense: str) -> None:
    cache.clear()
    client.force_login(sre)
    old(client)
    answer = client.post("/settings/teams/new/", {**TYPED, sudo.PASSKEY: nonsense})
    assert answer.status_code == 403
    assert dict(CARRIED.findall(answer.content.decode())).keys() == TYPED.keys()
    assert [denied for denied, _by, _why in proofs()] == [True]
    nobody = Client()
    nobody.get("/login/passkey/", headers={"Accept": "application/json"})
    assert nobody.post("/login/passkey/", {"credential": nonsense}).status_code == 302
    assert not signed_in(nobody)


@given(st.one_of(st.none(), st.booleans(), st.text(), st.floats(), st.integers(), st.lists(st.integers())))
def test_only_a_time_after_the_way_there_counts(told: Any) -> None:
    begun, now = 1_000_000.0, 1_000_030.0
    try:
        require_anew({"auth_time": told}, begun, now)
    except Unverified:
        return
    assert type(told) in {int, float}
    assert begun - LEEWAY <= told <= now + LEEWAY
