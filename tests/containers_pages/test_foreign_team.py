"""A developer names another team's key in a form: denied and in the log, not a mistyped field."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.models import Environment, Service
from containers.services import catalog
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, Token
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
NEW = {"slug": "tide", "source": "repository", "repository": "https://git.example/tide.git"}


@pytest.fixture
def ice(db: None) -> Team:
    return Team.objects.create(slug="ice", title="Ice")


@pytest.fixture
def page(client: Client, developer: Any) -> Client:
    client.force_login(developer)
    return client


def denied(person: Any, action: str) -> Event:
    event = Event.objects.get(denied=True)
    assert (event.action, event.user) == (action, person)
    return event


def form(team: Any) -> dict[str, Any]:
    return NEW | {"team": team, "environments": list(Environment.objects.values_list("slug", flat=True))}


def test_a_new_service_of_another_team(page: Client, developer: Any, ice: Team) -> None:
    answer = page.post("/services/new/", form(ice.pk))
    assert answer.status_code == 403
    assert denied(developer, "service.create").after == {"slug": "tide"}
    assert not Service.objects.exists()


@pytest.mark.parametrize("posted", ["", "99999", "²", "-1", "x", "1" * 40])
def test_no_team_and_nonsense_are_mistyped_fields(page: Client, team: Team, posted: str) -> None:
    assert page.post("/services/new/", form(posted)).status_code == 400
    assert not Event.objects.filter(denied=True).exists()
    assert not Service.objects.exists()


def test_one_of_the_own_team_is_made(page: Client, team: Team) -> None:
    assert page.post("/services/new/", form(team.pk)).status_code == 302
    assert Service.objects.get().team == team


@pytest.mark.parametrize("named", ["ice", "pk"])
def test_a_new_service_of_another_team_by_the_api(developer: Any, ice: Team, named: str) -> None:
    client = Client(headers={"Authorization": f"Bearer {Token.make(developer, 'test')[1]}"})
    body = NEW | {"team": str(ice.pk) if named == "pk" else ice.slug}
    body.pop("source")
    answer = client.post("/api/v1/services", body, content_type="application/json")
    assert answer.status_code == 403, answer.content
    assert denied(developer, "service.create").after == {"slug": "tide"}


def test_giving_a_service_to_another_team(page: Client, developer: Any, team: Team, ice: Team) -> None:
    service = catalog.create_service(Actor.system(), {"slug": "snow", "team": team, "repository": NEW["repository"]})
    answer = page.post("/services/snow/change/", {"team": ice.pk, "repository": NEW["repository"]})
    assert answer.status_code == 403
    assert denied(developer, "service.change").object_name == "snow"
    service.refresh_from_db()
    assert service.team == team


def test_a_service_whose_project_is_another_teams(page: Client, developer: Any, team: Team, ice: Team) -> None:
    service = catalog.create_service(Actor.system(), {"slug": "snow", "team": team, "repository": NEW["repository"]})
    service.project.team = ice
    service.project.save()
    answer = page.post("/services/snow/change/", {"team": team.pk, "repository": "https://git.example/mine.git"})
    assert answer.status_code == 403
    denied(developer, "project.change")
