"""Signing in by a real provider process on loopback: who comes in, what groups give and take, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.db import connection
from django.test import Client

from tests.accounts.signin.parts import VALUES, give_app, go, signed_in
from tests.accounts.signin.parts import sign_in as by_password
from tests.accounts.signin.provider_process import CLIENT, SECRET
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership, Team, User
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin.models import Provider
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


def failures() -> list[str]:
    return list(Event.objects.filter(action="login.failed").order_by("pk").values_list("reason", flat=True))


def test_a_first_sign_in_makes_the_person(client: Client, corp: Provider) -> None:
    assert "Sign in with Corp" in client.get("/login/").content.decode()
    assert go(client, "/login/oidc/corp/?next=/hosts/")["Location"] == "/hosts/"
    person = User.objects.get(username="lin")
    assert (person.display_name, person.role, person.has_usable_password()) == ("Lin Wei", "developer", False)
    assert SocialAccount.objects.get().uid == "subject-1"
    made = Event.objects.get(action="person.create")
    assert (made.actor, made.after["subject"]) == ("Corp", "subject-1")
    assert Event.objects.get(action="login").after == {"by": ["socialaccount"]}
    again = Client()
    go(again)
    assert signed_in(again)
    assert User.objects.filter(username__startswith="lin").count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "nonce",
        "no nonce",
        "signature",
        "unknown key",
        "unsigned",
        "symmetric",
        "audience",
        "audiences",
        "issuer",
        "expired",
    ],
)
def test_a_token_that_is_not_what_it_says_is_refused(client: Client, corp: Provider, tell: Any, wrong: str) -> None:
    tell(wrong)
    answer = go(client)
    assert answer["Location"] == "/login/"
    assert not signed_in(client)
    assert not User.objects.filter(username="lin").exists()
    assert "ID token refused" in failures()[-1]
    assert "did not work" in client.get("/login/").content.decode()


@pytest.mark.parametrize("wrong", ["away", "issuer of discovery"])
def test_without_the_provider_there_is_the_password(
    client: Client, corp: Provider, tell: Any, sre: User, wrong: str
) -> None:
    tell(wrong)
    assert go(client)["Location"] == "/login/"
    assert "Corp does not answer as it should" in client.get("/login/").content.decode()
    assert len(failures()) == 1
    by_password(client, "sara")
    assert signed_in(client)


def test_a_provider_that_is_no_more_is_said_to_be(client: Client, corp: Provider) -> None:
    Provider.objects.update(issuer="http://127.0.0.1:9")
    assert go(client)["Location"] == "/login/"
    assert "does not answer" in client.get("/login/").content.decode()


def test_cancelling_is_no_error(client: Client, corp: Provider, tell: Any) -> None:
    tell("cancelled")
    go(client)
    assert "it was cancelled at Corp" in client.get("/login/").content.decode()


def test_an_answer_that_nobody_asked_for_signs_nobody_in(client: Client, corp: Provider) -> None:
    there = client.get("/login/oidc/corp/")
    back = requests.get(there["Location"], allow_redirects=False, timeout=10).headers["Location"]
    victim = Client()
    victim.get(back.removeprefix("http://testserver"))
    assert not signed_in(victim), "the state is of another browser"
    for address in ("/login/oidc/corp/callback/", "/login/oidc/corp/callback/?code=%00&state=x", "/login/oidc/none/"):
        assert victim.get(address).status_code in {302, 404}


@pytest.mark.parametrize(
    ("claims", "settings"),
    [({"email": "lin@evil.example"}, {}), ({"email_verified": False}, {}), ({"email_verified": "true"}, {}),
     ({"email": None}, {}), ({}, {"makes_people": False}), ({"groups": ["guests"]}, {"groups": ["staff"]}),
     ({"preferred_username": "<script>"}, {}), ({"preferred_username": ""}, {"domains": []})],
)  # fmt: skip
def test_who_is_not_admitted_gets_no_account(
    client: Client, corp: Provider, tell: Any, actor_admin: Actor, claims: Any, settings: Any
) -> None:
    if claims.get("preferred_username") == "":
        claims = {**claims, "email": ""}
    providers.save(actor_admin, corp, VALUES | settings)
    tell(**claims)
    assert go(client)["Location"] == "/login/"
    assert User.objects.count() == 1
    assert failures()


def test_nobody_becomes_somebody_else_by_a_name_or_a_mail(
    client: Client, corp: Provider, tell: Any, actor_admin: Actor
) -> None:
    lin = User.objects.create_user("lin", "lin@corp.example", "correct horse")
    go(client)
    assert not signed_in(client)
    assert failures() == ["name taken"]
    providers.save(actor_admin, corp, VALUES | {"link_by_name": True, "domains": ["elsewhere.example"]})
    go(client)
    assert not signed_in(client), "a name is not enough where the mail domain is another"
    providers.save(actor_admin, corp, VALUES | {"link_by_name": True})
    go(client)
    assert signed_in(client)
    assert SocialAccount.objects.get().user == lin
    assert Event.objects.filter(action="oidc.link").count() == 1
    tell(sub="subject-2", preferred_username="other")
    providers.save(actor_admin, corp, VALUES | {"link_by_name": False})
    other = Client()
    go(other)
    assert other.session["_auth_user_id"] != str(lin.pk), "another subject is another person, whatever its mail"


def test_groups_give_and_take_what_they_gave_and_nothing_else(
    corp: Provider, tell: Any, actor_admin: Actor, team: Team
) -> None:
    rain, hail = Team.objects.create(slug="rain"), Team.objects.create(slug="hail")
    providers.set_rule(actor_admin, "corp", "dev-rain", ["rain", "snow"], "")
    providers.set_rule(actor_admin, "corp", "ops", ["hail"], "sre")
    tell(groups=["dev-rain", "ops", "unknown"])
    go(Client())
    lin = User.objects.get(username="lin")

    def has() -> tuple[set[str], str]:
        lin.refresh_from_db()
        return set(lin.memberships.values_list("team__slug", flat=True)), lin.role

    assert has() == ({"rain", "snow", "hail"}, "sre")
    event = Event.objects.get(action="person.groups")
    assert event.after["groups"] == ["dev-rain", "ops", "unknown"]
    by_hand = Team.objects.create(slug="by-hand")
    Membership.objects.create(user=lin, team=by_hand)
    tell(groups=["dev-rain"])
    go(Client())
    assert has() == ({"rain", "snow", "by-hand"}, "developer")
    Membership.objects.filter(user=lin, team=rain).update(environments=["isolated"])
    go(Client())
    assert Membership.objects.get(user=lin, team=rain).environments == ["isolated"], "what was narrowed stays so"
    Membership.objects.create(user=lin, team=hail)
    tell(groups=[])
    go(Client())
    assert has() == ({"by-hand", "hail"}, "developer")


def test_the_last_admin_stays_whatever_groups_say(corp: Provider, tell: Any, actor_admin: Actor) -> None:
    providers.set_rule(actor_admin, "corp", "admins", [], "admin")
    tell(groups=["admins"])
    go(Client())
    User.objects.filter(username="ada").update(is_active=False)
    tell(groups=[])
    client = Client()
    go(client)
    assert signed_in(client)
    assert User.objects.get(username="lin").role == "admin"
    assert "role kept" in Event.objects.filter(action="person.groups").latest("pk").after


def test_groups_may_come_from_userinfo_of_the_same_person_only(corp: Provider, tell: Any, actor_admin: Actor) -> None:
    providers.set_rule(actor_admin, "corp", "ops", [], "sre")
    tell(userinfo={"sub": "somebody else", "groups": ["ops"]})
    client = Client()
    go(client)
    assert not signed_in(client)
    tell(userinfo={"sub": "subject-1", "groups": ["ops"]})
    go(client)
    assert User.objects.get(username="lin").role == "sre"


def test_a_second_factor_is_asked_for_and_who_left_stays_out(corp: Provider) -> None:
    go(Client())
    lin = User.objects.get(username="lin")
    give_app(lin)
    client = Client()
    assert go(client)["Location"] == "/login/second/"
    assert not signed_in(client)
    User.objects.filter(pk=lin.pk).update(is_active=False)
    other = Client()
    assert go(other)["Location"] == "/login/"
    assert "deactivated" in other.get("/login/").content.decode()


def test_settings_of_a_provider(client: Client, corp: Provider, actor_admin: Actor, actor_dev: Actor) -> None:
    with pytest.raises(Denied):
        providers.save(actor_dev, corp, VALUES)
    with pytest.raises(Denied):
        providers.set_rule(actor_dev, "corp", "x", [], "admin")
    for issuer in ("http://id.example.com", "ftp://x", "javascript:1", "https://", "x" * 299):
        with pytest.raises(Refused) as refusal:
            providers.save(actor_admin, Provider(), VALUES | {"slug": "second", "issuer": issuer})
        assert refusal.value.field == "issuer"
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM signin_provider")
        assert SECRET not in str(cursor.fetchall())
    assert SECRET not in str(list(Event.objects.values()))
    client.force_login(actor_admin.user)
    page = client.get("/settings/signing-in/providers/corp/").content.decode()
    assert SECRET not in page
    assert "/login/oidc/corp/callback/" in page
    form = {**VALUES, "domains": "corp.example", "groups": "", "secret": "", "link_by_name": ""}
    assert client.post("/settings/signing-in/providers/corp/", form).status_code == 302
    assert Provider.objects.get().secret == SECRET
    nonsense = {key: "\x00" * 9 for key in form}
    assert client.post("/settings/signing-in/providers/corp/", nonsense).status_code == 400
    assert client.post("/settings/signing-in/providers/corp/group/", {"group": "", "role": "king"}).status_code == 400
    assert client.post("/settings/signing-in/providers/corp/group/", {"group": "ops", "role": "sre"}).status_code == 302
    assert client.post("/settings/signing-in/providers/corp/remove/").status_code == 302
    assert not SocialAccount.objects.exists()


def test_the_surroundings_name_one(client: Client, process: str, tell: Any, settings: Any, db: None) -> None:
    settings.OIDC = settings.OIDC | {"issuer": process, "client_id": CLIENT, "name": "Home"}
    assert "/login/oidc/sso/" in client.get("/login/").content.decode()
    assert client.get("/login/oidc/sso/")["Location"].startswith(f"{process}/authorization?")
