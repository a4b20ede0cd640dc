"""Dangerous verbs ask again who it is, and what was typed goes on afterwards."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from xqplatform.accounts import sudo
from xqplatform.accounts.models import Team, Token, User
from xqplatform.accounts.sessions.store import FACTS
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
CARRIED = re.compile(r'<textarea name="([^"]+)" hidden>\n(.*?)</textarea>', re.DOTALL)


def old(client: Client, seconds: float = 3600) -> Client:
    session = client.session
    session[FACTS] = {**session[FACTS], "proof": time.time() - seconds}
    session.pop("account_authentication_methods", None)
    session.save()
    return client


@pytest.fixture
def stale(client: Client, sre: User) -> Client:
    client.force_login(sre)
    return old(client)


def test_what_was_typed_goes_on_after_the_password(stale: Client) -> None:
    typed = {"slug": "ice", "title": 'Ice & "snow"\r\n</textarea><script>'}
    asked = stale.post("/settings/teams/new/", typed)
    assert asked.status_code == 403
    assert not Team.objects.exists()
    page = asked.content.decode()
    assert "<script>" not in page.split("</textarea><", 1)[-1][:200]
    carried = {name: unescape(value) for name, value in CARRIED.findall(page)}
    assert carried == typed
    assert 'action="/settings/teams/new/"' in page
    assert stale.post("/settings/teams/new/", {**carried, sudo.FIELD: "correct horse"}).status_code == 302
    assert Team.objects.get().slug == "ice"
    # And not again for a while.
    assert stale.post("/settings/teams/new/", {"slug": "fog", "title": ""}).status_code == 302
    events = Event.objects.filter(action="session.proof")
    assert [event.denied for event in events] == [False]


def test_a_wrong_password_asks_again_and_guessing_ends_the_session(stale: Client) -> None:
    for _ in range(sudo.MOST_WRONG - 1):
        answer = stale.post("/settings/teams/new/", {"slug": "ice", sudo.FIELD: "wrong"})
        assert answer.status_code == 403
        assert dict(CARRIED.findall(answer.content.decode())) == {"slug": "ice"}
    assert stale.post("/settings/teams/new/", {"slug": "ice", sudo.FIELD: "wrong"})["Location"] == "/login/"
    assert stale.get("/settings/teams/").status_code == 302
    assert not Team.objects.exists()
    assert Event.objects.filter(action="session.proof", denied=True).count() == sudo.MOST_WRONG
    assert "wrong" not in str(list(Event.objects.values_list("after", flat=True)))


def test_a_click_of_htmx_is_led_there_too(stale: Client) -> None:
    answer = stale.post("/settings/teams/new/", {"slug": "ice"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Retarget"]) == (200, "body")
    assert dict(CARRIED.findall(answer.content.decode())) == {"slug": "ice"}


def test_what_is_read_is_asked_for_before_and_leads_back_there_only(stale: Client) -> None:
    asked = stale.get("/terminals/7/recording/?speed=2")
    assert asked.status_code == 403
    assert 'value="/terminals/7/recording/?speed=2"' in asked.content.decode()
    for path, to in [("/terminals/7/recording/?speed=2",) * 2, ("https://evil.example/", "/"), ("//evil.example", "/")]:
        answer = stale.post("/account/again/", {"next": path, sudo.FIELD: "correct horse"})
        assert answer["Location"] == to
    assert stale.get("/terminals/7/recording/?speed=2").status_code == 404


def test_what_is_not_dangerous_asks_nothing(stale: Client) -> None:
    assert stale.get("/settings/teams/new/").status_code == 200
    assert stale.post("/account/theme/", {"theme": "dark"}).status_code == 204


def test_a_token_goes_by_its_scopes_and_the_reference_page_asks(stale: Client, sre: User) -> None:
    body = '{"slug": "stage", "title": "Stage"}'
    refused = stale.post("/api/v1/host-groups", body, content_type="application/json")
    assert refused.status_code == 403
    assert "Show again" in refused.json()["error"]
    bogus = {"Authorization": "Bearer nonsense"}
    assert stale.post("/api/v1/host-groups", body, content_type="application/json", headers=bogus).status_code == 403
    assert stale.get("/api/v1/host-groups").status_code == 200
    raw = Token.make(sre, "ci")[1]
    headers = {"Authorization": f"Bearer {raw}"}
    assert stale.post("/api/v1/host-groups", body, content_type="application/json", headers=headers).status_code == 201


def test_minutes_are_a_setting(stale: Client, settings: Any) -> None:
    settings.SUDO = 0
    assert stale.post("/settings/teams/new/", {"slug": "ice"}).status_code == 302
    settings.SUDO = 7200
    assert stale.post("/settings/teams/new/", {"slug": "fog"}).status_code == 302


@pytest.mark.parametrize(("production", "status"), [(True, 403), (False, 302)])
def test_a_terminal_asks_in_production_only(client: Client, developer: User, production: bool, status: int) -> None:
    from tests import factories

    place = factories.make_running_place("snow", "production" if production else "isolated", 1, team=Team.objects.get())
    client.force_login(developer)
    address = f"/instances/{place.instances.get().pk}/terminal/"
    assert old(client).post(address, {"reason": "x"}).status_code == status


def test_the_list_names_addresses_that_there_are() -> None:
    def names(patterns: Any, prefix: str = "") -> set[str]:
        found: set[str] = set()
        for one in patterns:
            if hasattr(one, "url_patterns"):
                inner = f"{prefix}{one.namespace}:" if one.namespace else prefix
                found |= names(one.url_patterns, inner)
            elif one.name:
                found.add(f"{prefix}{one.name}")
        return found

    assert set(sudo.DANGEROUS) <= names(get_resolver().url_patterns)
    assert set(sudo.WHEN) <= set(sudo.DANGEROUS)


def test_the_code_of_a_second_factor_is_a_proof_once_also_without_a_password(stale: Client, sre: User) -> None:
    from allauth.mfa.totp.internal import auth

    secret = auth.generate_totp_secret()
    auth.TOTP.activate(sre, secret)
    User.objects.filter(pk=sre.pk).update(password="!")
    sre.refresh_from_db()
    stale.force_login(sre)
    code = auth.format_hotp_value(auth.hotp_value(secret, next(auth.yield_hotp_counters_from_time())))
    asked = old(stale).post("/settings/teams/new/", {"slug": "ice"}).content.decode()
    assert "Code of your second factor" in asked
    assert stale.post("/settings/teams/new/", {"slug": "ice", sudo.FIELD: code}).status_code == 302
    assert old(stale).post("/settings/teams/new/", {"slug": "fog", sudo.FIELD: code}).status_code == 403
