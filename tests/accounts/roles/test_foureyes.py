"""Changes of rights are judged by what they give: escalation, second people, last admins, and two at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from tests.accounts.roles.test_decide import HELD
from tests.conftest import make_person
from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import AccessPolicy, AccessRequest, Grant, OwnRole, Team, User
from xqplatform.accounts.rights import can
from xqplatform.accounts.roles import foureyes, grants, own
from xqplatform.accounts.roles.decide import Held
from xqplatform.accounts.roles.gains import gains
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin.models import GroupRule
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused


@given(st.lists(HELD), st.lists(HELD))
def test_gains_are_what_was_not_there(before: list[Held], after: list[Held]) -> None:
    assert gains({1: before}, {1: before}) == []
    assert gains({1: [*before, *after]}, {1: after}) == []
    for gain in gains({1: before}, {1: after}):
        assert not any(
            gain.right in one.rights and one.scope == gain.scope and one.outlasts(gain.until) for one in before
        )


@pytest.fixture
def ann(db: None) -> Actor:
    factories.make_environments()
    return Actor.person(make_person("ann", "admin"))


@pytest.fixture
def bob(ann: Actor) -> Actor:
    return Actor.person(make_person("bob", "admin"))


def asked(change: Callable[[], Any]) -> AccessRequest:
    with pytest.raises(foureyes.Waits) as waits:
        change()
    return waits.value.request


def test_a_second_admin_approves(ann: Actor, bob: Actor, team: Team, developer: User) -> None:
    request = asked(lambda: grants.give(ann, "sre", user=developer, environment="production", reason="on call"))
    assert not Grant.objects.exists()
    assert {"who": "dan", "right": "service.restart", "where": "production"} in request.diff
    assert Event.objects.get(action="access.ask").reason == "on call"
    with pytest.raises(Refused):
        foureyes.approve(ann, request)
    foureyes.approve(bob, request, "fine")
    assert can(Actor.person(developer), "service.restart", environment="production")
    assert [Event.objects.filter(action=a).count() for a in ("grant.give", "access.approve", "access.alone")] == [
        1,
        1,
        0,
    ]
    assert Event.objects.get(action="grant.give").actor == "ann"
    with pytest.raises(Refused):
        foureyes.approve(bob, request)


def test_for_longer_is_more(ann: Actor, bob: Actor, developer: User, team: Team) -> None:
    """Extending a grant, or covering it by another one before it ends; an earlier end needs nobody."""
    day = timezone.now() + timedelta(days=1)
    foureyes.approve(bob, asked(lambda: grants.give(ann, "sre", user=developer, environment="production", until=day)))
    week = day + timedelta(days=6)
    request = asked(lambda: grants.give(ann, "sre", user=developer, environment="production", until=week))
    assert Grant.objects.get().until == day
    assert request.diff[0]["until"] == week.isoformat()
    foureyes.approve(bob, request)
    assert Grant.objects.get().until == week
    asked(lambda: grants.give(ann, "sre", group=team, environment="production"))
    asked(lambda: grants.give(ann, "sre", user=developer, environment="production"))
    grants.give(ann, "sre", user=developer, environment="production", until=day)
    with pytest.raises(Refused):  # and nobody gives longer than they have it
        OwnRole.objects.create(slug="lead", title="Lead", rights=["roles.manage", "service.restart"])
        OwnRole.objects.create(slug="restart", title="Restart", rights=["service.restart"])
        lead = make_person("lea", "reader")
        Grant.objects.create(user=lead, role="lead", team=team, until=day)
        grants.give(
            Actor.person(lead), "restart", user=make_person("otto", "reader"), team=team, environment="isolated"
        )


def test_what_is_not_of_production_holds_at_once(ann: Actor, bob: Actor, developer: User) -> None:
    assert grants.give(ann, "sre", user=developer, environment="isolated").pk
    assert not AccessRequest.objects.exists()


def test_who_profits_does_not_approve_and_nobody_raises_oneself(ann: Actor, bob: Actor) -> None:
    with pytest.raises(Refused) as refusal:
        grants.give(ann, "sre", user=ann.user)
    assert "themselves" in refusal.value.message
    carl = Actor.person(make_person("carl", "admin"))
    request = asked(lambda: grants.give(ann, "sre", user=bob.user))
    with pytest.raises(Refused):
        foureyes.approve(bob, request)
    foureyes.approve(carl, request)
    assert can(Actor.person(User.objects.get(username="bob")), "host.manage")


def test_a_lone_admin_is_not_locked_out_but_marked(ann: Actor, team: Team, developer: User) -> None:
    grants.give(ann, "sre", user=developer)
    event = Event.objects.get(action="access.alone")
    assert {"who": "dan", "right": "host.manage", "where": ""} in event.after["gains"]


def test_base_roles_memberships_and_own_roles_are_judged_the_same_way(ann: Actor, bob: Actor, team: Team) -> None:
    eve = services.create_person(ann, "eve", "a long password", role="reader", teams={team.pk: []})
    request = asked(lambda: services.change_person(
        ann, eve, role="developer", display_name="", active=True, teams={team.pk: []}))  # fmt: skip
    foureyes.approve(bob, request)
    eve.refresh_from_db()
    assert eve.role == "developer"
    role = own.make(ann, "ops", "Ops", rights=["alerts.manage"])
    foureyes.approve(bob, asked(lambda: grants.give(ann, "ops", group=team)))
    request = asked(lambda: own.change(ann, role, "Ops", rights=["alerts.manage", "host.manage"]))
    assert not can(Actor.person(eve), "host.manage")
    foureyes.approve(bob, request)
    assert can(Actor.person(eve), "host.manage")
    own.change(ann, role, "Ops", rights=["host.manage"])  # less needs nobody


def test_a_new_person_comes_at_once_and_their_rights_wait(ann: Actor, bob: Actor, team: Team) -> None:
    request = asked(lambda: services.create_person(ann, "wang", "a long password", teams={team.pk: []}))
    person = User.objects.get(username="wang")
    assert (person.role, person.memberships.count()) == ("reader", 0)
    foureyes.approve(bob, request)
    assert person.memberships.count() == 1


def test_a_request_ends_and_what_changed_meanwhile_is_not_carried_out(ann: Actor, bob: Actor, developer: User) -> None:
    request = asked(lambda: grants.give(ann, "sre", user=developer))
    AccessRequest.objects.update(expires=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Refused):
        foureyes.approve(bob, request)
    assert foureyes.expire() == 1
    assert foureyes.expire() == 0
    role = own.make(ann, "ops", "Ops", rights=["alerts.manage"])
    request = asked(lambda: grants.give(ann, "ops", user=developer))
    own.change(ann, role, "Ops", rights=["alerts.manage", "host.manage"])  # nobody has it yet
    with pytest.raises(Refused):
        foureyes.approve(bob, request)  # it would give more than was shown
    foureyes.decline(bob, request, "no")
    request = asked(lambda: grants.give(ann, "sre", user=developer))
    User.objects.filter(username="ann").update(role="reader")
    with pytest.raises(Refused):
        foureyes.approve(bob, request)  # who asked may not any more
    assert not Grant.objects.exists()


def test_nobody_gives_what_they_lack(ann: Actor, team: Team, developer: User) -> None:
    OwnRole.objects.create(slug="lead", title="Lead", rights=["roles.manage", "service.restart"])
    lead = make_person("lea", "reader")
    Grant.objects.create(user=lead, role="lead", team=team)
    other = make_person("otto", "reader")
    with pytest.raises(Refused):
        grants.give(Actor.person(lead), "developer", user=other, team=team)
    with pytest.raises(Denied):
        grants.give(Actor.person(lead), "lead", user=other)
    OwnRole.objects.create(slug="restart", title="Restart", rights=["service.restart"])
    assert grants.give(Actor.person(lead), "restart", user=other, team=team).pk


def test_switching_it_off_needs_a_second_person_too(ann: Actor, bob: Actor) -> None:
    request = asked(lambda: foureyes.set_policy(ann, "off", 72))
    assert AccessPolicy.objects.get().four_eyes == "auto"
    foureyes.approve(bob, request)
    assert AccessPolicy.objects.get().four_eyes == "off"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_take_not_both_last_admins(transactional_db: None) -> None:
    people = [make_person(name, "reader") for name in ("ann", "bob")]
    rows = [Grant.objects.create(user=person, role="admin") for person in people]
    ready, refused = threading.Barrier(2), []

    def take(row: Grant) -> None:
        ready.wait()
        try:
            grants.take(Actor.system(), row)
        except Refused as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[row]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Grant.objects.count() == 1
    assert len(refused) == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_approve_at_once_carry_it_out_once(transactional_db: None) -> None:
    factories.make_environments()
    ann, bob, carl = (Actor.person(make_person(name, "admin")) for name in ("ann", "bob", "carl"))
    dan = make_person("dan", "reader")
    request = asked(lambda: grants.give(ann, "sre", user=dan))
    ready, refused = threading.Barrier(2), []

    def approve(actor: Actor) -> None:
        ready.wait()
        try:
            foureyes.approve(actor, request)
        except Refused as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=approve, args=[actor]) for actor in (bob, carl)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert (
        Event.objects.filter(action="access.approve").count() == Event.objects.filter(action="grant.give").count() == 1
    )


def test_who_comes_by_a_group_gets_no_more_than_two_people_said(ann: Actor, bob: Actor) -> None:
    """A provider's group that gives a role or a team's rights is a change of rights of everybody who is, or will be, in it."""
    providers.set_rule(ann, "corp", "readers", [], "reader")
    request = asked(lambda: providers.set_rule(ann, "corp", "ops", [], "sre"))
    assert not GroupRule.objects.filter(group="ops").exists()
    assert {one["who"] for one in request.diff} == {"corp: ops"}
    foureyes.approve(bob, request, "agreed with the head of operations")
    assert GroupRule.objects.get(group="ops").role == "sre"
    providers.set_rule(ann, "corp", "ops", [], "reader")
    providers.set_rule(ann, "corp", "ops", [], "")
    assert not GroupRule.objects.filter(group="ops").exists(), "less needs nobody else"
