"""A grant on a service reaches the builds of its project, as far as that is this service's alone; and the pages say so."""

from __future__ import annotations

import pytest
from django.test import Client

from builds.models import Build, Image, Project
from builds.place import at
from builds.services.builds import cancel_build
from builds.services.projects import save_project
from containers.models import Service
from tests import factories
from tests.conftest import make_person
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, Role, Team, User
from xqplatform.accounts.rights import can
from xqplatform.accounts.roles.who import holders
from xqplatform.errors import Denied

pytestmark = pytest.mark.django_db


@pytest.fixture
def eve() -> User:
    return make_person("eve", "reader")


@pytest.fixture
def service(team: Team, eve: User) -> Service:
    Grant.objects.create(user=eve, role=Role.DEVELOPER, service="snow", environment="isolated")
    place = factories.make_running_place("snow", "isolated", 1, team=team)
    Project.objects.filter(pk=place.service.project_id).update(team=team)
    return Service.objects.select_related("project").get(pk=place.service_id)


def build_of(project: Project, revision: str = "a") -> Build:
    return Build.objects.create(project=project, branch="main", revision=revision * 40, created_name="x")


def test_it_reaches_the_builds_of_the_service(service: Service, eve: User, client: Client) -> None:
    actor = Actor.person(eve)
    build = cancel_build(actor, build_of(service.project))
    assert build.state == Build.State.CANCELLED
    assert save_project(actor, service.project, {"default_branch": "next"}).default_branch == "next"
    assert can(actor, "image.discard", **at(service.project))
    client.force_login(eve)
    other = build_of(service.project, "b")
    assert f"/builds/{other.pk}/cancel/" in client.get(f"/builds/{other.pk}/").content.decode()


def test_it_reaches_no_other_project(service: Service, eve: User, team: Team) -> None:
    """One that nobody runs, one that another service runs, one of another team, one that is given away."""
    actor, ice = Actor.person(eve), Team.objects.create(slug="ice")
    lone = Project.objects.create(name="lone", team=team)
    other = factories.make_running_place("hail", "isolated", 1, team=team).service.project
    for project in (lone, other):
        with pytest.raises(Denied):
            save_project(actor, project, {"default_branch": "next"})
    with pytest.raises(Denied):
        save_project(actor, service.project, {"team": ice})
    Project.objects.filter(pk=service.project_id).update(team=ice)
    service.project.refresh_from_db()
    with pytest.raises(Denied):
        cancel_build(actor, build_of(service.project))
    assert not Image.objects.exclude(state=Image.State.DEPLOYABLE).exists()


def test_the_page_answers_what_the_verb_decides(service: Service, eve: User, team: Team, client: Client) -> None:
    def may(right: str) -> bool:
        found = holders(right, team_id=team.pk, service="snow", environment="isolated")
        return eve in {one.user for one in found}

    assert may("build.start")
    assert may("service.deploy")
    assert not may("blueprint.change")  # the team's, whichever service builds by it
    Project.objects.filter(pk=service.project_id).update(team=None)
    assert not may("build.start")
    client.force_login(eve)
    page = client.get("/settings/access/?right=build.start&service=snow&environment=").content.decode()
    assert "alone runs what it builds" in page
