"""Every page as a stranger, a developer of another team, a manager and an SRE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.accounts import access_pages
from tests.accounts.access_table import BUILDERS, LINES, MADE_UP, PUBLIC, Line, World
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db


def named(patterns: list[Any], space: str = "", before: str = "") -> Iterator[tuple[str, str]]:
    """All named pages as (name, an address with arguments made up)."""
    for entry in patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from named(entry.url_patterns, inner, before)
        elif isinstance(entry, URLPattern) and entry.name:
            yield f"{space}{entry.name}", str(entry.pattern)


def made_up(name: str) -> str:
    """The page's address with a value of the right kind for each argument."""
    resolver = get_resolver()
    for part in name.split(":")[:-1]:
        resolver = resolver.namespace_dict[part][1]
    ((_, arguments),), pattern, _defaults, _converters = resolver.reverse_dict.getlist(
        name.rsplit(":", maxsplit=1)[-1]
    )[0]
    return reverse(name, kwargs={a: MADE_UP.get((name, a)) or value_for(a, pattern) for a in arguments})


def value_for(argument: str, pattern: str) -> str:
    """A number where digits are asked for, the first of several words, else any word."""
    inner = re.search(rf"\(\?P<{argument}>([^()]*|\([^()]*\))\)", pattern)
    regex = inner[1] if inner else ""
    if regex.startswith(("[0-9]", "\\d")):
        return "1"
    words = re.fullmatch(r"\(?(?:\?:)?([\w-]+)(\|[\w-]+)*\)?", regex)
    return words[1] if words else "nothing"


NAMES = sorted({name for name, _pattern in named(get_resolver().url_patterns) if not name.startswith("api:")})


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    wrong = []
    for name in NAMES:
        address = made_up(name)
        for method in (client.get, client.post):
            response = method(address)
            if name in PUBLIC:
                fine = response.status_code in {PUBLIC[name], 400, 405}
            else:
                # Streams answer scripts: 401 says more to them than a page would.
                fine = response.status_code in {401, 405} or (
                    response.status_code == 302 and response["Location"].startswith("/login/")
                )
            if not fine:
                wrong.append(f"{name} ({address}): {response.status_code}")
    assert not wrong


@pytest.fixture
def world(team: Any, sre: Any, manager: Any) -> World:
    from tests.conftest import make_person
    from xqplatform import audit
    from xqplatform.accounts import invitations, service_accounts
    from xqplatform.accounts.actor import Actor
    from xqplatform.accounts.models import AccessRequest, Grant, Membership, OwnRole, Team, Token

    other = Team.objects.create(slug="other")
    stranger = make_person("otto", "developer")
    Membership.objects.create(user=stranger, team=other)
    person = make_person("paula", "developer")
    token, _raw = Token.make(person, "hers")
    event = audit.record(Actor.person(sre), "team.create", team, after={"slug": "snow"})
    invitation, _link = invitations.invite(Actor.person(sre), "newcomer")
    robot = service_accounts.create(Actor.person(sre), "ci-snow", team)
    made = World(team, person, sre, manager, stranger, token, event, invitation, robot)
    made.role = OwnRole.objects.create(slug="ops", title="Ops")
    made.grant = Grant.objects.create(user=person, role="reader")
    made.request = AccessRequest.objects.create(
        kind="grant", data={}, about="x", asked_by=person, asked_name="paula", expires=event.time
    )
    for builder in BUILDERS:
        builder(made)
    return made


def wrong_answers(client: Client, world: World, line: Line) -> Iterator[str]:
    """Asks as everybody. The one with the most rights comes last: what an SRE may remove is then gone."""
    for role in ("developer", "manager", "sre"):
        client.force_login(getattr(world, role))
        address = reverse(line.name, kwargs=line.args(world))
        before = Event.objects.filter(denied=True).count()
        if line.method == "POST":
            response = client.post(address, line.data(world))
        else:
            response = client.generic(line.method, address)
        if response.status_code != getattr(line, role):
            text = "" if response.streaming else response.content.decode()[-2000:]
            yield f"{line} as {role}: {response.status_code}, not {getattr(line, role)}: {text}"
        elif (
            line.method == "POST"
            and response.status_code == 403
            and Event.objects.filter(denied=True).count() == before
        ):
            yield f"{line} as {role}: refused, but no event tells of the attempt"


@pytest.mark.parametrize("line", LINES, ids=str)
def test_everybody_gets_what_the_table_says(client: Client, world: World, line: Line) -> None:
    assert not list(wrong_answers(client, world, line))


@pytest.mark.parametrize("group", access_pages.GROUPS)
def test_everybody_gets_what_the_table_of_pages_says(client: Client, world: World, group: str) -> None:
    access_pages.rows(world)
    wrong = []
    for line in access_pages.GROUPS[group]:
        # Each line finds the same rows, which are made but once.
        point = transaction.savepoint()
        wrong += list(wrong_answers(client, world, line))
        transaction.savepoint_rollback(point)
    assert not wrong, "\n".join(wrong)


def test_every_page_that_changes_something_is_in_the_table(client: Client, sre: Any) -> None:
    lines = [*LINES, *(line for group in access_pages.GROUPS.values() for line in group)]
    known = {line.name for line in lines if line.method == "POST"} | set(PUBLIC)
    client.force_login(sre)
    missing = [name for name in NAMES if name not in known and client.post(made_up(name)).status_code != 405]
    assert not missing


def test_the_table_knows_only_pages_that_exist() -> None:
    lines = [*LINES, *(line for group in access_pages.GROUPS.values() for line in group)]
    assert not {line.name for line in lines} - set(NAMES)
    assert not set(PUBLIC) - set(NAMES)
