"""Somebody links an account of a provider with their own, and unlinks it; one way in always stays."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tests.accounts.signin.parts import go, signed_in
from tests.accounts.test_sudo import old
from xqplatform.accounts.models import Team, User
from xqplatform.accounts.signin import providers, ways
from xqplatform.accounts.signin.models import Provider
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db
PAGE = "/account/signing-in/"
WAY = st.tuples(st.sampled_from(["password", "passkey", "provider"]), st.sampled_from(["", "1", "corp"]))


def way_to_link(client: Client) -> str:
    found = re.search(r'href="(/account/signing-in/providers/corp/link/\?by=[^"]+)"', client.get(PAGE).content.decode())
    assert found is not None
    return found[1]


@pytest.fixture
def dan(client: Client, developer: User, corp: Provider) -> User:
    client.force_login(developer)
    return developer


def test_an_account_is_linked_and_signs_in(client: Client, dan: User) -> None:
    assert go(client, way_to_link(client))["Location"] == PAGE
    assert "You can sign in with Corp" in client.get(PAGE).content.decode()
    assert SocialAccount.objects.get().user == dan
    assert Event.objects.get(action="oidc.link").after == {"provider": "corp", "subject": "subject-1"}
    other = Client()
    go(other)
    assert other.session["_auth_user_id"] == str(dan.pk)
    assert client.post(f"{PAGE}providers/corp/unlink/")["Location"] == PAGE
    assert not SocialAccount.objects.exists()
    assert Event.objects.get(action="oidc.unlink").before == {"provider": "corp", "subject": "subject-1"}


def test_it_is_asked_before_who_they_are(client: Client, dan: User) -> None:
    way = way_to_link(client)
    old(client)
    asked = client.get(way)
    assert asked.status_code == 403
    assert "Show again who you are" in asked.content.decode()
    SocialAccount.objects.create(user=dan, provider="corp", uid="x")
    assert client.post(f"{PAGE}providers/corp/unlink/").status_code == 403
    assert SocialAccount.objects.exists()


@pytest.mark.parametrize("by", ["", "x", "\x00", "eyJ4IjoxfQ:1:1"])
def test_another_site_sends_nobody_there(client: Client, dan: User, sre: User, by: str) -> None:
    assert client.get(f"{PAGE}providers/corp/link/", {"by": by})["Location"] == PAGE
    of_another = Client()
    of_another.force_login(sre)
    assert client.get(way_to_link(of_another))["Location"] == PAGE
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("wrong", ["not asked anew", "no time", "nonce", "cancelled"])
def test_nothing_is_linked_when_the_provider_does_not_ask(client: Client, dan: User, tell: Any, wrong: str) -> None:
    tell(wrong)
    go(client, way_to_link(client))
    assert not SocialAccount.objects.exists()
    assert signed_in(client)


def test_somebody_elses_account_stays_theirs_and_one_is_enough(client: Client, dan: User, sre: User, tell: Any) -> None:
    SocialAccount.objects.create(user=sre, provider="corp", uid="subject-1")
    go(client, way_to_link(client))
    assert "is linked already" in client.get(PAGE).content.decode()
    assert SocialAccount.objects.get().user == sre
    assert Event.objects.get(action="oidc.link").denied
    tell(sub="subject-2")
    way = way_to_link(client)
    go(client, way)
    tell(sub="subject-3")
    go(client, way)
    assert SocialAccount.objects.filter(user=dan).count() == 1


@pytest.mark.parametrize("claims", [{"email": "dan@elsewhere.example"}, {"email_verified": False}])
def test_what_the_provider_may_not_let_in_is_not_linked(
    client: Client, dan: User, corp: Provider, tell: Any, claims: dict[str, Any]
) -> None:
    Provider.objects.filter(pk=corp.pk).update(domains=["corp.example"])
    tell(**claims)
    go(client, way_to_link(client))
    assert not SocialAccount.objects.exists()
    assert "mail domain" in client.get(PAGE).content.decode()
    assert Event.objects.get(action="oidc.link").denied


def test_the_last_way_in_stays(client: Client, corp: Provider) -> None:
    go(client)
    lin = User.objects.get(username="lin")
    client.force_login(lin)
    page = client.get(PAGE).content.decode()
    assert "your only way in" in page
    assert "Unlink Corp" not in page
    assert client.post(f"{PAGE}providers/corp/unlink/").status_code == 409
    assert SocialAccount.objects.exists()
    key = {"credential": {"clientExtensionResults": {"credProps": {"rk": True}}}, "name": "k"}
    row = Authenticator.objects.create(user=lin, type="webauthn", data=key)
    assert client.post(f"{PAGE}providers/corp/unlink/").status_code == 302
    with pytest.raises(Refused):
        ways.keep_one(lin, ("passkey", str(row.pk)))
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": 9e12}]
    session["account_authentication_methods_user"] = str(lin.pk)
    session.save()
    assert client.post(f"{PAGE}passkeys/{row.pk}/remove/").status_code == 409
    assert Authenticator.objects.filter(pk=row.pk).exists()


def test_what_groups_gave_goes_with_the_link(client: Client, corp: Provider, actor_admin: Any, tell: Any) -> None:
    """Or whoever leaves a group would unlink first, and keep what it gave."""
    Team.objects.create(slug="rain")
    providers.set_rule(actor_admin, "corp", "ops", ["rain"], "sre")
    tell(groups=["ops"])
    go(client)
    lin = User.objects.get(username="lin")
    lin.set_password("correct horse")
    lin.save()
    client.force_login(lin)
    assert (lin.role, lin.memberships.count()) == ("sre", 1)
    client.post(f"{PAGE}providers/corp/unlink/")
    lin.refresh_from_db()
    assert (lin.role, lin.memberships.count()) == ("developer", 0)


@given(known=st.frozensets(WAY, max_size=4), way=WAY)
def test_after_any_number_of_removals_one_is_left(known: frozenset[ways.Way], way: ways.Way) -> None:
    left = known
    for one in [way, *sorted(known)]:
        left = left if ways.is_last(left, one) else left - {one}
    assert bool(left) == bool(known)
