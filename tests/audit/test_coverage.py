"""Every verb that changes rows writes an event. Verbs are found by themselves: a new one without valid data fails here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.accounts import access_world
from tests.accounts.access_api import ARGUMENTS, BODIES, filled, of
from tests.accounts.access_table import PAGES, World
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from tests.audit.verb_data import DATA, MORE
from tests.audit.verb_kinds import QUIET, READERS
from tests.audit.walking import Walk, found_verbs
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, Token
from xqplatform.accounts.roles.models import AccessPolicy
from xqplatform.accounts.signin.models import SignInRules
from xqplatform.api import api
from xqplatform.audit.reviews.feeding import ensure_built_in

pytestmark = pytest.mark.django_db
# Sessions, and when a token was last used: written at every request.
IGNORED = frozenset({"accounts_token", "accounts_session", "django_session"})


class Named(dict[str, Any]):
    """What stands in an address's braces; what nobody named is the first one."""

    def __missing__(self, name: str) -> str:
        return "1"


@pytest.fixture
def rows(world: World) -> World:
    access_world.rows(world)
    # What is made when it is asked for the first time.
    AccessPolicy.objects.get_or_create(pk=1)
    SignInRules.objects.create()
    ensure_built_in()
    return world


def asked(client: Client, world: World, raw: str) -> Iterator[tuple[str, Any]]:
    """All that can be asked of the platform as somebody who may everything: pages, then operations of the API."""
    for line in PAGES:
        client.force_login(world.sre)
        address, data = reverse(line.name, kwargs=line.args(world)), line.data(world)
        if line.method == "POST":
            yield str(line), lambda a=address, d=data: client.post(a, d)
        else:
            yield str(line), lambda a=address, m=line.method: client.generic(m, a)
    bearer = Client(headers={"Authorization": f"Bearer {raw}"})
    for path, methods in api.get_openapi_schema()["paths"].items():
        short = path.removeprefix("/api/v1")
        for method in methods:
            names = Named(of(world, ARGUMENTS.get(short.split("/")[1], {})))
            address = "/api/v1" + filled(short, names)
            body = json.dumps(MORE.get(f"{method} {short}") or of(world, BODIES.get(f"{method} {short}", {})))
            yield (
                f"{method} {short}",
                lambda a=address, m=method, b=body: bearer.generic(m.upper(), a, b, content_type="application/json"),
            )


def walked(rows: World, client: Client) -> tuple[Walk, list[str]]:
    """Everything was asked for once, each finding the same rows: the walk, and who changed rows silently."""
    walk, silent = Walk(found_verbs(), IGNORED), []
    for name, ask in asked(client, rows, Token.make(rows.sre, "test")[1]):
        point, first = transaction.savepoint(), len(walk.seen)
        with walk.watching():
            ask()
        if not walk.told():
            of_quiet_ones = {table for one in walk.seen[first:] if one.verb in QUIET for table in one.changed}
            if left := walk.changed() - of_quiet_ones:
                silent.append(f"{name} changes {left}")
        transaction.savepoint_rollback(point)
    actor = Actor.person(rows.sre)
    for prepare in dict.fromkeys(DATA.values()):
        point = transaction.savepoint()
        call = prepare(rows, actor)
        with walk.watching():
            call()
        transaction.savepoint_rollback(point)
    return walk, silent


@pytest.mark.timeout(900)  # some six hundred requests
def test_every_verb_that_changes_rows_writes_an_event(rows: World, client: Client) -> None:
    walk, wrong = walked(rows, client)
    silent = {one.verb for one in walk.seen if one.changed}
    told = {one.verb for one in walk.seen if one.told}
    wrong += [f"{verb} changes rows and writes no event" for verb in silent - set(QUIET)]
    wrong += [f"{verb} is not carried out: give it valid data in tests/audit/verb_data.py"
              for verb in set(walk.verbs) - told - set(QUIET) - READERS]  # fmt: skip
    wrong += [f"{verb} is not carried out by its data" for verb in set(DATA) - told - set(QUIET)]
    wrong += [f"{one} is an exception no longer" for one in set(QUIET) - silent]
    wrong += [f"{verb} is none" for verb in (READERS | set(DATA) | set(QUIET)) - set(walk.verbs)]
    assert not wrong, "\n".join(sorted(wrong))
    assert len(told) > 150


def test_a_verb_without_an_event_is_seen_and_one_that_is_taken_back_is_none(team: Any, actor_sre: Actor) -> None:
    def silent(actor: Actor) -> None:
        Team.objects.filter(pk=team.pk).update(title="other")

    def undone(actor: Actor) -> None:
        with transaction.atomic():
            silent(actor)
            transaction.set_rollback(True)

    def same(actor: Actor) -> None:
        team.save()

    def good(actor: Actor) -> None:
        silent(actor)
        audit.record(actor, "team.change", team)

    verbs = {one.__name__: one for one in (silent, undone, same, good)}
    for name, changed, told in [("undone", set(), False), ("same", set(), False), ("good", set(), True)]:
        walk = Walk(verbs, IGNORED)
        point = transaction.savepoint()
        with walk.watching():
            verbs[name](actor_sre)
        assert [(one.changed, one.told) for one in walk.seen if one.verb == name] == [(changed, told)], name
        transaction.savepoint_rollback(point)
    walk = Walk(verbs, IGNORED)
    with walk.watching():
        silent(actor_sre)
    assert [(one.verb, one.changed, one.told) for one in walk.seen] == [("silent", {"accounts_team"}, False)]
