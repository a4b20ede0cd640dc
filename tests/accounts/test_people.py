"""People, teams, tokens: the verbs, what they refuse, and what the log says afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.accounts.signin.parts import VALUES
from tests.conftest import make_person
from xqplatform.accounts import services, tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, OwnRole, Team, Token, User
from xqplatform.accounts.roles import grants
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin import services as signin
from xqplatform.accounts.signin.models import Provider
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


def test_a_person_is_added_with_teams_and_an_event(actor_sre: Actor, team: Team) -> None:
    user = services.create_person(actor_sre, "wang", "a long password", teams={team.pk: ["isolated"]})
    assert user.check_password("a long password")
    assert user.memberships.get().environments == ["isolated"]
    event = Event.objects.get(action="person.create")
    assert event.after["teams"] == {"snow": ["isolated"]}
    assert "password" not in str(event.after)


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [("dan", "a long password", "username"), ("DAN", "a long password", "username"), ("a b", "a long password", "username"),
     ("", "a long password", "username"), ("new", "short", "password"), ("x" * 151, "a long password", "username")],
)  # fmt: skip
def test_a_person_is_refused(actor_sre: Actor, developer: User, username: str, password: str, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        services.create_person(actor_sre, username, password)
    assert refusal.value.field == field
    assert not Event.objects.filter(action="person.create").exists()


def test_only_sres_manage_people_and_attempts_are_events(actor_dev: Actor) -> None:
    with pytest.raises(Denied):
        services.create_person(actor_dev, "wang", "a long password")
    event = Event.objects.get(action="people.manage")
    assert event.denied
    assert event.actor == "dan"


def test_the_last_admin_stays(actor_sre: Actor, sre: User) -> None:
    with pytest.raises(Refused):
        services.change_person(actor_sre, sre, role="sre", display_name="", active=False, teams={})
    with pytest.raises(Refused):
        grants.take(actor_sre, sre.grants.get())
    services.change_person(actor_sre, sre, role="developer", display_name="", active=True, teams={})
    sre.refresh_from_db()
    assert sre.is_active
    assert sre.grants.get().role == "admin"


def test_a_change_says_only_what_changed(actor_sre: Actor, developer: User, team: Team) -> None:
    services.change_person(actor_sre, developer, role="manager", display_name="Dan", active=True, teams={team.pk: []})
    event = Event.objects.get(action="person.change")
    assert (event.before, event.after) == ({"role": "developer"}, {"role": "manager"})


def test_a_deactivated_person_is_out_at_once(actor_sre: Actor, developer: User, client: Client) -> None:
    _token, raw = tokens.create_token(Actor.person(developer), developer, "ci")
    client.force_login(developer)
    assert client.get("/account/").status_code == 200
    services.change_person(actor_sre, developer, role="developer", display_name="", active=False, teams={})
    assert client.get("/account/").status_code == 302
    assert tokens.find(raw) is None


def test_a_team_that_owns_something_stays(actor_sre: Actor, team: Team) -> None:
    from builds.models import Project

    project = Project.objects.create(name="snow", team=team)
    with pytest.raises(Refused):
        services.remove_team(actor_sre, team)
    project.delete()
    services.remove_team(actor_sre, team)
    assert not Team.objects.filter(slug="snow").exists()
    assert Event.objects.filter(action="team.remove").count() == 1


def test_a_team_name_is_taken_once(actor_sre: Actor, team: Team) -> None:
    with pytest.raises(Refused) as refusal:
        services.create_team(actor_sre, "Snow")
    assert refusal.value.field == "slug"


def test_a_token_is_shown_once_and_kept_as_a_hash(client: Client, developer: User) -> None:
    client.force_login(developer)
    page = client.post("/settings/tokens/", {"label": "the CI", "days": "90", "may": "all"}).content.decode()
    token = Token.objects.get()
    raw = page.partition('data-copy="')[2].partition('"')[0]
    assert raw.startswith("xq_")
    assert tokens.find(raw) == token
    assert raw not in client.get("/settings/tokens/").content.decode()
    assert token.digest == Token.hash(raw)
    assert raw not in str(list(Event.objects.values()))
    client.post(f"/settings/tokens/{token.pk}/revoke/")
    assert tokens.find(raw) is None


def test_nobody_revokes_the_token_of_another(actor_manager: Actor, developer: User) -> None:
    token, _raw = tokens.create_token(Actor.person(developer), developer, "ci")
    with pytest.raises(Denied):
        tokens.revoke_token(actor_manager, token)


def test_signing_in_and_out_is_in_the_log(client: Client, developer: User) -> None:
    assert client.post("/login/", {"username": "dan", "password": "wrong"}).status_code == 200
    assert client.post("/login/", {"username": "dan", "password": "correct horse"}).status_code == 302
    client.post("/logout/")
    assert list(Event.objects.order_by("id").values_list("action", flat=True)) == ["login.failed", "login", "logout"]
    assert "wrong" not in str(list(Event.objects.values()))


@pytest.mark.parametrize("name", ["", "\x00", "a" * 5000, "<script>", "'; drop table--", "😀"])
def test_nonsense_at_the_login_is_refused(client: Client, db: None, name: str) -> None:
    assert client.post("/login/", {"username": name, "password": "x\x00y"}).status_code == 200


@pytest.mark.parametrize("value", ["", "\x00", "x" * 100_000, "Mars/Olympus", "-1", "😀" * 300])
def test_nonsense_in_forms_is_refused(client: Client, sre: User, developer: User, value: str) -> None:
    client.force_login(sre)
    fields = ("username", "password", "role", "slug", "title", "label", "language", "time_zone", "theme", "old", "new")
    data = {name: value for name in fields}
    for address in (
        "/account/", "/account/password/", "/account/theme/", "/settings/people/new/", "/settings/teams/new/",
        "/settings/tokens/", f"/settings/people/{developer.pk}/", f"/settings/people/{developer.pk}/password/",
    ):  # fmt: skip
        status = client.post(address, data).status_code
        # These two are fine as a title or a label.
        assert status < 500 if value in {"-1", "Mars/Olympus", "😀" * 300} else status in {400, 409}, (address, status)


def test_my_account_is_kept(client: Client, developer: User) -> None:
    client.force_login(developer)
    data = {"display_name": "Dan D.", "language": "zh-hans", "time_zone": "UTC", "theme": "dark"}
    assert client.post("/account/", data).status_code == 302
    page = client.get("/account/")
    assert 'lang="zh-hans"' in page.content.decode()
    assert 'data-bs-theme="dark"' in page.content.decode()


def test_my_password_needs_the_old_one(client: Client, developer: User) -> None:
    client.force_login(developer)
    assert client.post("/account/password/", {"old": "no", "new": "another horse"}).status_code == 400
    assert client.post("/account/password/", {"old": "correct horse", "new": "another horse"}).status_code == 302
    developer.refresh_from_db()
    assert developer.check_password("another horse")
    assert client.get("/account/").status_code == 200


def test_the_language_switch_takes_no_foreign_address(client: Client, db: None) -> None:
    response = client.post("/language/", {"language": "zh-hans", "next": "https://evil.example/"})
    assert response["Location"] == "/"
    assert client.post("/language/", {"language": "xx"}).status_code == 302


def test_people_are_found_and_sorted(client: Client, sre: Any, developer: User, manager: User) -> None:
    client.force_login(sre)
    page = client.get("/settings/people/?q=da&role=developer&sort=-name&team=snow&active=1").content.decode()
    assert f"/settings/people/{developer.pk}/" in page
    assert f"/settings/people/{manager.pk}/" not in page


def test_who_manages_people_gets_in_as_nobody_who_may_more(sre: Any, developer: Any) -> None:
    """A password or a token of an admin is the admin's rights: whoever may not give those may not take them so."""
    OwnRole.objects.create(slug="hr", title="HR", rights=["people.manage", "service_account.manage"])
    harry = make_person("harry", "reader")
    Grant.objects.create(user=harry, role="hr")
    plain = make_person("paul", "reader")
    actor = Actor.person(harry)
    for take in (
        lambda user: services.set_password(actor, user, "a long passphrase"),
        lambda user: tokens.create_token(actor, user, "mine now"),
        lambda user: tokens.create_token(actor, user, "mine now", rights=["read", "roles.manage"]),
        lambda user: signin.reset_factors(actor, user),
    ):
        with pytest.raises(Denied):
            take(sre)
    assert not sre.tokens.exists()
    assert Event.objects.filter(action="roles.manage", denied=True, object_id=str(sre.pk)).count() == 4
    for open_a_door in (
        lambda: providers.save(actor, Provider(), {**VALUES, "issuer": "https://id.example", "link_by_name": True}),
        lambda: providers.set_rule(actor, "corp", "everybody", [], "admin"),
    ):
        with pytest.raises(Denied):
            open_a_door()
    sre.is_active = False
    with pytest.raises(Denied):
        services.set_password(actor, sre, "for when they are back")
    sre.is_active = True
    services.set_password(actor, plain, "a long passphrase")
    tokens.create_token(actor, sre, "harmless", rights=["read"])
    program = make_person("ci", "sre")
    User.objects.filter(pk=program.pk).update(service_account=True)
    program.refresh_from_db()
    with pytest.raises(Denied):
        tokens.create_token(actor, program, "mine now")
