"""Passkeys in a real browser, with an authenticator that the browser itself plays; and the form that newcomers type into."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from playwright.sync_api import BrowserContext, Page, expect

from tests.accounts.signin.conftest import provider_process
from tests.accounts.signin.parts import LIN, VALUES
from tests.browser.conftest import errors_of
from tests.site import Site
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, User
from xqplatform.accounts.sessions.models import Session
from xqplatform.accounts.sessions.store import FACTS, SessionStore
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin.models import Provider
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def authenticator(page: Page) -> Any:
    """A security key inside the browser: it has a finger on it that is always right."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session


def type_name_and_password(page: Page, name: str) -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_in_is_old() -> None:
    """Nobody has shown for an hour who they are."""
    for row in Session.objects.all():
        data = row.get_decoded()
        data.pop("account_authentication_methods", None)
        data[FACTS] = {**data[FACTS], "proof": time.time() - 3600}
        row.session_data = SessionStore().encode(data)
        row.save()


def sign_out(page: Page) -> None:
    page.locator(".xq-person").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.timeout(600)
def test_a_passkey_signs_in_alone_and_as_a_second_step(
    new_context: Callable[..., BrowserContext], live_server_with_worker: Site, sre: Any
) -> None:
    # Passkeys belong to a name, not to an IP address.
    context = new_context(base_url=f"http://localhost:{live_server_with_worker.port}")
    page = context.new_page()
    wrong = errors_of(page)
    authenticator(page)
    type_name_and_password(page, "sara")
    page.goto("/account/signing-in/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("laptop")).to_be_visible()
    expect(page.get_by_text("signs in alone")).to_be_visible()
    assert Event.objects.get(action="factor.add").after == {"kind": "webauthn", "name": "laptop"}

    sign_out(page)
    User.objects.update(password="!")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator(".xq-person")).to_be_visible()
    assert Event.objects.filter(action="login").latest("pk").after == {"by": ["webauthn"]}

    # Without a password, the same finger lets a dangerous verb through, whether the page was left or swapped by htmx.
    User.objects.update(password="!")
    for slug in ("ice", "fog"):
        page.goto("/settings/teams/new/")
        sign_in_is_old()
        page.get_by_label("Name").fill(slug)
        if slug == "fog":
            page.evaluate("""() => { const form = document.querySelector("form:has([name=slug])");
                form.setAttribute("hx-post", "/settings/teams/new/"); htmx.process(form); }""")
        page.locator("form:has([name=slug]) button[type=submit]").click()
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_text("The team is there")).to_be_visible()
        assert Team.objects.filter(slug=slug).exists()
        assert Event.objects.filter(action="session.proof").latest("pk").after == {"by": "webauthn"}
    assert [text for text in wrong if "403" not in text] == []
    wrong.clear()
    sign_out(page)
    User.objects.update(password=make_password("correct horse"))
    type_name_and_password(page, "sara")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".xq-person")).to_be_visible()

    sign_out(page)
    type_name_and_password(page, "sara")
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".xq-person")).to_be_visible()
    assert Event.objects.filter(action="login").latest("pk").after == {"by": ["password", "webauthn"]}

    sign_out(page)
    Authenticator.objects.filter(type="webauthn").delete()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert").first).to_contain_text("was not accepted")
    assert Event.objects.filter(action="login.failed", after__step="passkey").exists()
    assert not wrong, wrong


@pytest.fixture
def provider(live_server_with_worker: Site, sre: Any) -> Iterator[str]:
    """A process that signs LIN in, and its row here."""
    with provider_process() as address:
        callback = live_server_with_worker + "/login/oidc/corp/callback/"
        told = {"claims": LIN, "userinfo": LIN, "wrong": "", "callback": callback}
        requests.post(f"{address}/control", json=told, timeout=10)
        providers.save(Actor.person(sre), Provider(), VALUES | {"issuer": address})
        yield address


def test_a_provider_asked_in_another_tab_lets_go_on_what_was_typed(
    new_context: Callable[..., BrowserContext], live_server_with_worker: Site, provider: str
) -> None:
    page = new_context(base_url=live_server_with_worker.url).new_page()
    page.goto("/login/")
    page.get_by_role("link", name="Sign in with Corp").click()
    expect(page.locator(".xq-person")).to_be_visible()
    User.objects.filter(username="lin").update(role="admin")
    sign_in_is_old()
    page.goto("/settings/teams/new/")
    page.get_by_label("Name").fill("ice")
    page.locator("form:has([name=slug]) button[type=submit]").click()
    page.get_by_role("link", name="Sign in anew with Corp").click()
    # The other tab tells this one, which goes on by itself.
    expect(page.get_by_text("The team is there")).to_be_visible()
    assert Team.objects.filter(slug="ice").exists()
    assert Event.objects.filter(action="session.proof").latest("pk").after == {"by": "corp"}


def test_a_device_without_a_passkey_says_so(
    new_context: Callable[..., BrowserContext], live_server_with_worker: Site, sre: Any
) -> None:
    page = new_context(base_url=live_server_with_worker.url).new_page()
    page.goto("/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("#passkey-trouble")).to_be_visible()  # an address is no name that a passkey belongs to
    type_name_and_password(page, "sara")
    expect(page.locator(".xq-person")).to_be_visible()


def test_a_typed_password_can_be_looked_at(
    new_context: Callable[..., BrowserContext], live_server_with_worker: Site
) -> None:
    page = new_context(base_url=live_server_with_worker.url).new_page()
    page.goto("/login/")
    field, button = page.get_by_label("Password"), page.get_by_role("button", name="Show what is typed")
    field.fill("correct horse")
    button.focus()
    page.keyboard.press("Space")
    expect(field).to_have_attribute("type", "text")
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_value("correct horse")
