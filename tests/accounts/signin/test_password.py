"""Name and password: what is taken, what is said, where one goes, and what the log keeps."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.accounts.signin.parts import sign_in, signed_in
from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.audit.models import Event
from xqplatform.errors import Refused
from xqplatform.run.prepare import first_admin

pytestmark = pytest.mark.django_db


def test_the_address_is_ours() -> None:
    assert reverse("accounts:login") == reverse("account_login") == "/login/"


def test_the_first_log_in_that_is_printed_keeps_the_rules(client: Client) -> None:
    password, made = first_admin()
    assert made
    services._checked_password(password, User.objects.get(username="admin"))
    assert sign_in(client, "admin", password).status_code == 302


def test_signing_in_makes_a_new_session(client: Client, developer: User) -> None:
    client.get("/login/")
    client.session.save()
    before = client.session.session_key
    assert sign_in(client, "dan").headers["Location"] == "/"
    assert client.session.session_key != before
    event = Event.objects.get(action="login")
    assert (event.actor, event.after) == ("dan", {"by": ["password"]})


@pytest.mark.parametrize(
    ("asked", "goes"),
    [("/hosts/", "/hosts/"), ("https://evil.example/", "/"), ("//evil.example/", "/"), ("javascript:alert(1)", "/")],
)
def test_the_next_page_is_one_of_ours(client: Client, developer: User, asked: str, goes: str) -> None:
    assert sign_in(client, "dan", next=asked).headers["Location"] == goes


def test_a_form_of_another_site_signs_nobody_in(developer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, "dan").status_code == 403
    assert not signed_in(client)


def test_somebody_who_is_deactivated_reads_why_only_with_the_right_password(client: Client, developer: User) -> None:
    User.objects.update(is_active=False)
    assert "deactivated" in sign_in(client, "dan").content.decode()
    assert "deactivated" not in sign_in(client, "dan", "wrong").content.decode()
    assert not signed_in(client)
    assert Event.objects.filter(action="login.failed", object_name="dan").count() == 2


@pytest.mark.parametrize(
    ("password", "why"),
    [("short", "at least 12"), ("password123", "too common"), ("82736450918273", "entirely numeric"),
     ("danielle.w!", "too similar")],
)  # fmt: skip
def test_a_weak_password_is_refused_in_words(actor_sre: Actor, password: str, why: str) -> None:
    with pytest.raises(Refused) as refusal:
        services.create_person(actor_sre, "danielle.w", password)
    assert refusal.value.field == "password"
    assert why in refusal.value.message


def test_nobody_signs_up(client: Client, db: Any) -> None:
    for address in ("/signup/", "/login/signup/", "/accounts/signup/", "/password/reset/"):
        assert client.get(address).status_code in {302, 404}
    assert "signup" not in client.get("/login/").content.decode()
