"""Nonsense in every field of every form and in every query: refused with a reason, never a mistake of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.accounts import access_pages
from tests.accounts.access_table import LINES, Line, World
from tests.accounts.test_access import world  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db
NONSENSE = ["\x00", "9" * 30, "<b>'\"=/..😀", "a" * 6000]
QUERY = [
    "q", "page", "sort", "state", "step", "image", "config", "all", "old", "new", "a", "b", "before", "since", "until",
    "wanted", "tail", "instance", "object", "actor", "action", "team", "environment", "after", "part", "denied",
]  # fmt: skip
GROUPS = {"platform": LINES, **access_pages.GROUPS}
FIELD = re.compile(r"<(?:input|select|textarea|button)\b[^>]*\bname=\"([^\"]+)\"")


@pytest.fixture
def sre(client: Client, world: World, enqueued: Any) -> Client:  # noqa: F811
    access_pages.rows(world)
    client.force_login(world.sre)
    client.raise_request_exception = False
    return client


def fields(client: Client, address: str, data: dict[str, Any]) -> set[str]:
    """What the form at this address asks for, and what the line of the table sends."""
    answer = client.get(address)
    found = set() if answer.streaming or answer.status_code != 200 else set(FIELD.findall(answer.content.decode()))
    return ({*found, *data}) - {"csrfmiddlewaretoken"}


def posts(client: Client, world: World, lines: list[Line]) -> Iterator[tuple[str, Any]]:  # noqa: F811
    for line in lines:
        if line.method != "POST" or line.name == "accounts:logout":
            continue
        address, data = reverse(line.name, kwargs=line.args(world)), line.data(world)
        names = sorted(fields(client, address, data))
        for value in NONSENSE:
            yield f"{line} all={value[:12]!r}", client.post(address, dict.fromkeys(names, value))
        for field in names:
            for value in NONSENSE[:2]:
                yield f"{line} {field}={value[:12]!r}", client.post(address, {**data, field: value})


@pytest.mark.parametrize("group", GROUPS)
def test_nonsense_in_a_field_is_never_a_mistake_of_ours(sre: Client, world: World, group: str) -> None:  # noqa: F811
    wrong, asked = [], 0
    turns = posts(sre, world, GROUPS[group])
    while True:
        point = transaction.savepoint()
        turn = next(turns, None)
        transaction.savepoint_rollback(point)
        if turn is None:
            break
        asked += 1
        name, answer = turn
        if answer.status_code >= 500:
            wrong.append(f"{name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert asked > 20


def test_nonsense_in_a_query_is_never_a_mistake_of_ours(sre: Client, world: World) -> None:  # noqa: F811
    wrong = []
    for line in [line for group in GROUPS.values() for line in group if line.method == "GET"]:
        for value in [*NONSENSE, "-1"]:
            answer = sre.get(reverse(line.name, kwargs=line.args(world)), dict.fromkeys(QUERY, value))
            if answer.status_code >= 500:
                wrong.append(f"{line} {value[:12]!r}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
