"""Nonsense in every field of every form and in every query: refused with a reason, never a mistake of ours."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.accounts.access_api import address as address_of
from tests.accounts.access_api import body as body_of
from tests.accounts.access_api import operations
from tests.accounts.access_table import GROUPS, Line, World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from xqplatform.api import api

pytestmark = pytest.mark.django_db
# Whoever guesses is signed out, as whoever signs out is.
ENDS = {"accounts:logout", "accounts:sudo"}
NONSENSE = ["\x00", "9" * 30, "<b>'\"=/..😀", "a" * 6000]
QUERY = [
    "q", "page", "sort", "state", "step", "image", "config", "all", "old", "new", "a", "b", "before", "since", "until",
    "wanted", "tail", "instance", "object", "actor", "action", "team", "environment", "after", "part", "denied",
]  # fmt: skip
FIELD = re.compile(r"<(?:input|select|textarea|button)\b[^>]*\bname=\"([^\"]+)\"")


@pytest.fixture
def sre(client: Client, world: World, enqueued: Any) -> Client:
    rows(world)
    client.force_login(world.sre)
    client.raise_request_exception = False
    return client


def fields(client: Client, address: str, data: dict[str, Any]) -> set[str]:
    """What the form at this address asks for, and what the line of the table sends."""
    answer = client.get(address)
    found = set() if answer.streaming or answer.status_code != 200 else set(FIELD.findall(answer.content.decode()))
    return ({*found, *data}) - {"csrfmiddlewaretoken"}


def posts(client: Client, world: World, lines: list[Line]) -> Iterator[tuple[str, Any]]:
    for line in lines:
        if line.method != "POST" or line.name in ENDS:
            continue
        address, data = reverse(line.name, kwargs=line.args(world)), line.data(world)
        names = sorted(fields(client, address, data))
        for value in NONSENSE:
            yield f"{line} all={value[:12]!r}", client.post(address, dict.fromkeys(names, value))
        for field in names:
            for value in NONSENSE[:2]:
                yield f"{line} {field}={value[:12]!r}", client.post(address, {**data, field: value})


@pytest.mark.parametrize("group", GROUPS)
def test_nonsense_in_a_field_is_never_a_mistake_of_ours(sre: Client, world: World, group: str) -> None:
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


def test_nonsense_in_a_query_is_never_a_mistake_of_ours(sre: Client, world: World) -> None:
    wrong = []
    for line in [line for group in GROUPS.values() for line in group if line.method == "GET"]:
        for value in [*NONSENSE, "-1"]:
            answer = sre.get(reverse(line.name, kwargs=line.args(world)), dict.fromkeys(QUERY, value))
            if answer.status_code >= 500:
                wrong.append(f"{line} {value[:12]!r}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


WRONG_KINDS: list[Any] = [{"a": [1]}, -1, [], None, "a" * 6000]
schema = functools.cache(api.get_openapi_schema)


def properties(operation: str) -> list[str]:
    """The fields of an operation's body."""
    method, path = operation.split(" ")
    document = schema()
    body = document["paths"][f"/api/v1{path}"][method.lower()].get("requestBody") or {}
    found = re.search(r"#/components/schemas/(\w+)", json.dumps(body))
    return list(document["components"]["schemas"][found[1]]["properties"]) if found else []


def test_nonsense_in_a_body_of_the_api_is_refused_with_a_reason(sre: Client, world: World) -> None:
    wrong, asked = [], 0
    for operation in sorted(one for one in operations() if not one.startswith("GET ")):
        method, path = operation.split(" ")
        address = address_of(world, path)
        given, known = body_of(world, operation), properties(operation)
        bodies = [dict.fromkeys(known, value) for value in WRONG_KINDS]
        bodies += [{**given, name: value} for name in known for value in WRONG_KINDS[:2]]
        for body in bodies:
            point = transaction.savepoint()
            answer = sre.generic(method.upper(), address, json.dumps(body), content_type="application/json")
            transaction.savepoint_rollback(point)
            asked += 1
            if answer.status_code >= 500 or (answer.status_code >= 400 and not answer.json().get("error")):
                wrong.append(f"{operation} {str(body)[:90]}: {answer.status_code} {answer.content[:120]!r}")
    assert not wrong, "\n".join(wrong)
    assert asked > 300
