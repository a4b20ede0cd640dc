"""From rows to holdings: base roles and memberships as they always were, grants beside them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.conftest import make_person
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.catalogue import OF_EVERYBODY
from xqplatform.accounts.models import Grant, Membership, OwnRole, Team, User
from xqplatform.accounts.rights import RIGHTS, can, somewhere
from xqplatform.accounts.roles.who import holders

pytestmark = pytest.mark.django_db
DEVELOPERS = {
    "service.create", "service.change", "service.deploy", "service.scale", "service.operate", "service.remove",
    "service.logs", "service.terminal", "release.approve", "build.start", "build.cancel", "image.discard",
    "project.change", "blueprint.change", "token.manage", "inbox.manage", "session.manage", "alerts.silence", "notices.manage",
}  # fmt: skip
PEOPLE = {"people.manage", "roles.manage", "roles.approve"}


@pytest.fixture
def own() -> OwnRole:
    return OwnRole.objects.create(slug="restart", title="Restart only", rights=["service.restart"])


def rights(person: User, **where: Any) -> set[str]:
    actor = Actor.person(person)
    return {right for right in RIGHTS if can(actor, right, **where)} - OF_EVERYBODY


def test_people_of_before_may_what_they_might(team: Team) -> None:
    person = make_person("dan", "developer")
    member = Membership.objects.create(user=person, team=team, environments=["isolated"])
    there = {"team_id": team.pk, "environment": "isolated"}
    assert rights(person, **there) >= DEVELOPERS - OF_EVERYBODY
    assert rights(person, team_id=team.pk, environment="production") == set()
    assert rights(person, team_id=team.pk + 1, environment="isolated") == set()
    assert rights(person) == set()
    assert {"service.change", "build.start"} <= rights(person, team_id=team.pk)
    member.environments = []
    member.save()
    assert "service.deploy" in rights(person, team_id=team.pk, environment="production")
    person.role = "manager"
    reading = {"service.logs", "audit.read", "terminal.recordings", "metrics.read", "fleet.read", "capacity.manage"}
    assert rights(person, **there) == reading
    person.role = "sre"
    assert rights(person) == set(RIGHTS) - OF_EVERYBODY - PEOPLE


@pytest.mark.parametrize("role", ["developer", "sre", "manager", "auditor", "admin"])
def test_who_is_deactivated_has_nothing(team: Team, role: str) -> None:
    person = make_person("eve", role)
    Membership.objects.create(user=person, team=team)
    Grant.objects.create(user=person, role="sre")
    person.is_active = False
    person.save()
    assert not any(can(Actor.person(person), right, team_id=team.pk) for right in RIGHTS)
    assert holders("service.deploy", team_id=team.pk) == []


def test_restart_only(team: Team, own: OwnRole) -> None:
    person = make_person("rita", "reader")
    Membership.objects.create(user=person, team=team)
    Grant.objects.create(user=person, role=own.slug, service="snow", environment="production")
    there = {"team_id": team.pk, "environment": "production", "service": "snow"}
    assert rights(person, **there) == {"service.restart"}
    assert rights(person, **there | {"service": "ice"}) == set()
    assert rights(person, **there | {"environment": "isolated"}) == set()
    assert somewhere(Actor.person(person), "service.restart", team_id=team.pk, service="snow")
    assert not somewhere(Actor.person(person), "service.restart", team_id=team.pk, service="ice")


def test_a_grant_ends_by_time_and_an_unknown_role_is_nothing(team: Team, own: OwnRole) -> None:
    person = make_person("rita", "reader")
    Grant.objects.create(user=person, role=own.slug, until=timezone.now() - timedelta(seconds=1))
    Grant.objects.create(user=person, role="long gone")
    assert rights(person) == set()
    Grant.objects.update(until=timezone.now() + timedelta(hours=1))
    assert rights(person) == {"service.restart"}


def test_a_teams_grant_reaches_members_where_they_may_be(team: Team, own: OwnRole) -> None:
    grant = Grant.objects.create(group=team, role=own.slug, service="ice")
    person, other = make_person("rita", "reader"), make_person("otto", "developer")
    Membership.objects.create(user=person, team=team, environments=["isolated"])
    at = {"team_id": None, "service": "ice"}
    assert rights(person, environment="isolated", **at) == {"service.restart"}
    assert rights(person, environment="production", **at) == set()
    assert rights(other, environment="isolated", **at) == set()
    (holder,) = holders("service.restart", environment="isolated", **at)
    (why,) = holder.why
    assert (holder.user, why.grant, why.member) == (person, grant.pk, team.pk)


def test_a_thousand_questions_are_two_queries(team: Team, developer: User, django_assert_num_queries: Any) -> None:
    actor = Actor.person(developer)
    with django_assert_num_queries(2):
        assert not any(can(actor, "host.manage", team_id=team.pk, service=f"s{n}") for n in range(1000))
        assert all(can(actor, "service.change", team_id=team.pk, service=f"s{n}") for n in range(1000))
