"""Service accounts: programs of a team, that never sign in and may no more than they are granted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.guardrails import approvals
from containers.models import Deployment, Guardrails
from tests import factories
from tests.conftest import make_person
from xqplatform.accounts import service_accounts, services, tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, OwnRole, Role, Team, User
from xqplatform.accounts.rights import can
from xqplatform.accounts.roles import foureyes
from xqplatform.accounts.roles.foureyes import Waits
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def robot(actor_sre: Actor, team: Team) -> User:
    return service_accounts.create(actor_sre, "ci-snow", team)


def test_one_acts_by_its_token_and_by_nothing_else(robot: User, actor_sre: Actor, client: Client) -> None:
    _row, raw = tokens.create_token(actor_sre, robot, "deploys")
    assert Client(headers={"Authorization": f"Bearer {raw}"}).get("/api/v1/services").status_code == 200
    for password in ("", "x", robot.password):
        client.post("/login/", {"username": "ci-snow", "password": password})
        assert client.get("/account/").status_code == 302
    with pytest.raises(Refused):
        services.set_password(actor_sre, robot, "a long passphrase")
    # However a session of it comes about, it ends with its first request.
    client.force_login(robot)
    assert client.get("/account/").status_code == 302


def test_it_may_nothing_until_it_is_granted_something(robot: User, team: Team) -> None:
    asked: dict[str, Any] = {"team_id": team.pk, "environment": "isolated", "service": "snow"}
    assert not can(Actor.person(robot), "service.deploy", **asked)
    Grant.objects.create(user=robot, role=Role.DEVELOPER, team=team, environment="isolated")
    assert can(Actor.person(robot), "service.deploy", **asked)
    assert not can(Actor.person(robot), "service.deploy", **asked | {"environment": "production"})


def test_who_makes_programs_of_a_team_makes_none_that_may_more(
    developer: User, team: Team, actor_dev: Actor, actor_sre: Actor
) -> None:
    with pytest.raises(Denied):
        service_accounts.create(actor_dev, "mine", team)
    OwnRole.objects.create(slug="programs", title="Programs", rights=["service_account.manage"])
    Grant.objects.create(user=developer, role="programs", team=team)
    actor = Actor.person(developer)
    other = Team.objects.create(slug="ice")
    with pytest.raises(Denied):
        service_accounts.create(actor, "theirs", other)
    with pytest.raises(Denied):
        service_accounts.create(actor, "mine", team, role=Role.DEVELOPER)
    made = service_accounts.create(actor, "mine", team)
    assert tokens.create_token(actor, made, "ci")[0].expires is not None
    # «Never» is for those who manage the programs of all teams.
    with pytest.raises(Refused):
        tokens.create_token(actor, made, "ci", days=0)
    assert tokens.create_token(actor_sre, made, "ci", days=0)[0].expires is None
    assert Event.objects.filter(action="token.create").latest("pk").after["days"] == "never ends"


def test_a_person_has_no_token_without_an_end(developer: User, actor_sre: Actor) -> None:
    with pytest.raises(Refused):
        tokens.create_token(actor_sre, developer, "ci", days=0)


def test_it_is_shown_apart_and_its_tokens_end_with_it(robot: User, sre: User, client: Client) -> None:
    client.force_login(sre)
    assert "ci-snow" not in client.get("/settings/people/").content.decode()
    assert "ci-snow" in client.get("/settings/service-accounts/").content.decode()
    address = f"/settings/service-accounts/{robot.pk}/"
    assert client.get(f"/settings/people/{robot.pk}/")["Location"] == address
    page = client.post(address, {"label": "deploys", "days": "0", "may": "read"}).content.decode()
    assert "xq_" in page
    assert "active, without end" in page
    raw = page.partition('data-copy="')[2].partition('"')[0]
    assert client.post(f"{address}active/", {"active": "0"}).status_code == 302
    assert tokens.find(raw) is None


def test_it_is_no_person_who_approves(robot: User, team: Team) -> None:
    place = factories.make_running_place("snow", "production", 1, team=team)
    row = factories.make_deployment(place, Deployment.State.WAITING)
    Grant.objects.create(user=robot, role=Role.SRE)
    Guardrails.objects.update_or_create(environment=place.environment, defaults={"approvals": 1})
    assert approvals.may_approve(Actor.person(robot), row) == "Only a person can approve."


def test_one_with_rights_in_production_waits_for_a_second_person(actor_sre: Actor, team: Team, client: Client) -> None:
    """By what its team was granted, as a developer, and when it comes back."""
    factories.make_environments()
    ann, bob = (Actor.person(make_person(name, "admin")) for name in ("ann", "bob"))
    quiet = service_accounts.create(actor_sre, "quiet", team)  # may nothing yet
    granted = Grant.objects.create(group=team, role=Role.SRE, environment="production")
    with pytest.raises(Waits) as waits:
        service_accounts.create(actor_sre, "ci-snow", team)
    assert not User.objects.filter(username="ci-snow").exists()
    assert {one["who"] for one in waits.value.request.diff} == {"ci-snow"}
    foureyes.approve(bob, waits.value.request)
    robot = User.objects.get(username="ci-snow")
    assert can(Actor.person(robot), "service.deploy", team_id=team.pk, environment="production")
    assert Event.objects.get(action="service_account.create", object_id=str(robot.pk)).actor == "sara"
    service_accounts.set_active(actor_sre, robot, active=False)
    with pytest.raises(Waits) as waits:
        service_accounts.set_active(actor_sre, robot, active=True)
    robot.refresh_from_db()
    assert not robot.is_active
    foureyes.approve(ann, waits.value.request)
    robot.refresh_from_db()
    assert robot.is_active
    # By the pages, too; and what gives nothing in production needs nobody.
    client.force_login(actor_sre.user)  # type: ignore[arg-type]
    service_accounts.set_active(actor_sre, quiet, active=False)
    answer = client.post(f"/settings/service-accounts/{quiet.pk}/active/", {"active": "1"})
    assert answer["Location"] == "/settings/access/requests/"
    granted.delete()
    assert service_accounts.create(actor_sre, "third", team).pk
