"""The one table: every page, operation, stream and socket × every role × own, foreign and closed team × method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from containers.terminal import socket
from tests.accounts import access_api
from tests.accounts.access_asking import Asking, Got
from tests.accounts.access_names import NAMES, PUBLIC, THIRD, made_up
from tests.accounts.access_table import METHODS, OPERATIONS, PAGES, ROLES, SOCKETS, Line, World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from xqplatform.accounts.models import Team
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
SHARE = 20  # lines that one test asks: shares go to several processes


@pytest.fixture(autouse=True)
def as_often_as_one_likes(settings: Any) -> None:
    """How often one may ask is tests/shell/test_limits.py's."""
    settings.CALLS_A_MINUTE = settings.REFUSED_A_MINUTE = 10**9


def shares(lines: list[Line]) -> list[Any]:
    return [pytest.param(lines[n : n + SHARE], id=lines[n].name) for n in range(0, len(lines), SHARE)]


def complaints(world: World, asking: Asking, line: Line) -> Iterator[str]:
    for role in ROLES:
        point = transaction.savepoint()
        Team.objects.filter(pk=world.team.pk).update(closed=role not in {"anonymous", "foreign"})
        got = asking.ask(role, line)
        if got.status != line.status(role):
            yield f"{line} | {line.arguments} | {line.sent} as {role}: {got.status}, not {line.status(role)}: {got.text}"
        elif missing := unrecorded(line, role, got):
            yield f"{line} | {line.arguments} | {line.sent} as {role}: {missing}"
        transaction.savepoint_rollback(point)


def unrecorded(line: Line, role: str, got: Got) -> str:
    """A refusal is an event, and so is a look at what is there but not for this person."""
    if role == "anonymous" or got.denied or line.name == "live:stream":  # (what is not heard is left out in silence)
        return ""
    if got.status == "403":
        return "refused, but no event tells of the attempt"
    if role == "outsider" and got.status == "404" and line.status("foreign") != "404":
        return "not there, but no event tells of the attempt"
    return ""


@pytest.mark.parametrize("lines", shares([*PAGES, *OPERATIONS]))
def test_everybody_gets_what_the_table_says(world: World, lines: list[Line], enqueued: Any) -> None:
    rows(world)
    asking = Asking(world)
    wrong = [text for line in lines for text in complaints(world, asking, line)]
    assert not wrong, "\n".join(wrong)


def test_every_page_has_lines_and_every_line_a_page() -> None:
    """Missing: a line for each of its methods, such as «GET hosts:host | name=run-a2 | | login 200 200 200 200 200»."""
    known = {line.name for line in PAGES} | set(PUBLIC)
    assert not sorted(set(NAMES) - known), "add lines to a file of tests/accounts/access/"
    assert not sorted(known - set(NAMES)), "remove what there is no more"


def test_every_operation_has_one_line_and_every_line_an_operation() -> None:
    """Missing: a line such as «GET /hosts/{name} | | | 401 200 200 200 200 200»; arguments and bodies are in `access_api`."""
    lines = [f"{line.method} {line.name}" for line in OPERATIONS]
    assert not sorted(access_api.operations().difference(lines)), "add lines to tests/accounts/access/api.txt"
    assert not sorted(set(lines) - access_api.operations()), "remove what there is no more"
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize("n", range(4))
def test_other_methods_are_not_allowed(world: World, n: int) -> None:
    """405 for whoever may most; a method that means something has a line."""
    rows(world)
    asking, wrong = Asking(world), []
    known = {(line.name, line.method) for line in PAGES}
    for name in [one for one in NAMES if one not in THIRD | set(PUBLIC)][n::4]:
        for method in METHODS:
            if (name, method) not in known and (got := asking.send("sre", method, made_up(name))).status != "405":
                wrong.append(f"{method} {name}: {got.status}")
    paths = sorted({line.name for line in OPERATIONS})
    for path in paths[n::4]:
        for method in METHODS:
            if f"{method} {path}" not in access_api.operations() | access_api.SHADOWED:
                got = asking.send("sre", method, access_api.address(world, path), api=True)
                if got.status != "405":
                    wrong.append(f"{method} {path}: {got.status}")
    assert not wrong, "\n".join(wrong)


def test_strangers_are_sent_to_the_log_in_page_by_every_page(world: World) -> None:
    """Also with arguments that lead nowhere, and by methods that there are not: nobody learns what there is."""
    asking, wrong = Asking(world), []
    for name in NAMES:
        for method in ("GET", "POST"):
            got = asking.send("anonymous", method, made_up(name))
            if got.status not in {PUBLIC.get(name, "login"), "400", "401", "405"}:
                wrong.append(f"{method} {name}: {got.status}")
    assert not wrong, "\n".join(wrong)


def admitted(world: World, asking: Asking, role: str, line: Line) -> str:
    """The status with which the WebSocket's handshake is refused; «open» when it is not."""
    cookie = f"{settings.SESSION_COOKIE_NAME}={asking.pages[role].session.session_key}" if role != "anonymous" else ""
    heads = {"host": "testserver", "origin": "http://testserver", "cookie": cookie}
    scope = {"headers": [(name.encode(), value.encode()) for name, value in heads.items()], "scheme": "ws"}
    try:
        socket.admitted(int(line.args(world)["number"]), socket.Visit(scope))
    except socket.Closed as closed:
        return str(closed.status)
    return "open"


def test_sockets_let_in_whom_the_table_says(world: World) -> None:
    """There is one, of terminals; another one needs a line in `access/sockets.txt`, and to be asked here."""
    rows(world)
    asking = Asking(world)
    assert [line.name for line in SOCKETS] == ["/terminals/{number}/socket"]
    assert socket.PATH.fullmatch("/terminals/1/socket")
    for line in SOCKETS:
        for role in ROLES:
            Team.objects.filter(pk=world.team.pk).update(closed=role not in {"anonymous", "foreign"})
            before = Event.objects.filter(denied=True).count()
            assert admitted(world, asking, role, line) == line.status(role), f"{line} as {role}"
            assert role == "anonymous" or Event.objects.filter(denied=True).count() > before, (
                f"{line} as {role}: no event"
            )


def test_a_line_says_where_it_leads(world: World) -> None:
    """Arguments of the table fit the pages' addresses."""
    rows(world)
    for line in PAGES:
        assert reverse(line.name, kwargs=line.args(world)).startswith("/")
