"""Nobody is offered what they may not: no link and no button on any page answers 403 to who sees it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import Resolver404, resolve

from tests.accounts.access_table import World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from tests.accounts.links import Offers, Press

pytestmark = pytest.mark.django_db
# Of everybody, and an end of the walk.
LEFT_ALONE = {"accounts:logout", "account_logout", "accounts:theme", "web:set_language"}


@pytest.fixture(autouse=True)
def as_often_as_one_likes(settings: Any) -> None:
    settings.CALLS_A_MINUTE = settings.REFUSED_A_MINUTE = 10**9


def name_of(path: str) -> str:
    try:
        return resolve(path).view_name
    except Resolver404:
        return ""


class Walk:
    """All that can be reached from home, each page and each button once; what is offered there and refused."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ways: dict[str, str] = {"/": "nothing"}  # page → the first page that leads there
        self.pressed: set[tuple[str, tuple[str, str]]] = set()
        self.wrong: list[str] = []

    def go(self) -> list[str]:
        todo = ["/"]
        while todo:
            todo += self.look(todo.pop(0))
        assert len(self.ways) > 60, f"only {len(self.ways)} pages"
        return self.wrong

    def look(self, page: str) -> list[str]:
        answer: Any = self.client.get(page)
        if answer.status_code == 403:
            self.wrong.append(f"{page} is refused, and linked on {self.ways[page]}")
        if answer.streaming or answer.status_code != 200 or "html" not in answer.headers.get("Content-Type", ""):
            return []
        found = Offers(page, answer.content.decode())
        for press in found.presses():
            self.press(page, press)
        new = [link for link in sorted(found.links) if link not in self.ways and name_of(link) not in {"", *LEFT_ALONE}]
        self.ways |= dict.fromkeys(new, page)
        return new

    def press(self, page: str, press: Press) -> None:
        if (press.action, press.button) in self.pressed or name_of(press.action) in LEFT_ALONE:
            return
        self.pressed.add((press.action, press.button))
        point, cookies = transaction.savepoint(), self.client.cookies.copy()
        if self.client.post(press.action, press.data).status_code == 403:
            self.wrong.append(f"{page}: its button {'='.join(press.button)} that sends to {press.action} is refused")
        self.client.cookies = cookies
        transaction.savepoint_rollback(point)


# The outsider sees less than these; the SRE may everything.
@pytest.mark.parametrize("role", ["own", "foreign", "restart", "manager", "admin"])
def test_nobody_is_offered_what_they_may_not(world: World, role: str, client: Client, enqueued: Any) -> None:
    rows(world)
    client.force_login(world.who(role))
    wrong = Walk(client).go()
    assert not wrong, "\n".join(sorted(wrong))
