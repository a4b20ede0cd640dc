"""The whole API as each role, by what its own description says may be sent: no answer breaks, none is undocumented.

`make fuzz` sends more (XQ_FUZZ: examples an operation).
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from ninja import Schema
from schemathesis.checks import not_a_server_error
from schemathesis.core import NotSet
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.accounts.access_api import ARGUMENTS, of
from tests.accounts.access_table import World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from xqplatform.accounts.models import Token
from xqplatform.web import limits

EXAMPLES = int(os.environ.get("XQ_FUZZ", "2"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ROLES = ["developer", "sre", "manager", "stranger"]
PARTS = 4  # that several processes share the work
# Waits for somebody else, or never ends.
LEFT_OUT: dict[str, str] = {}

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(3600 if EXAMPLES > 10 else 600)]


def sent(case: Any, headers: dict[str, str]) -> schemathesis.Response:
    """The answer of Django's own client (which stays within the test's transaction) in the shape that schemathesis knows."""
    body = case.body if case.body is not None and not isinstance(case.body, NotSet) else None
    data = b"" if body is None else json.dumps(body, default=str).encode()
    asked = requests.Request(
        case.method, f"http://testserver{case.formatted_path}", params=case.query or None
    ).prepare()
    client = Client(raise_request_exception=False)
    found: Any = client.generic(case.method, str(asked.path_url), data, "application/json", headers=headers)
    return schemathesis.Response(
        status_code=found.status_code,
        headers={name.lower(): [value] for name, value in found.items()},
        content=b"".join(found) if found.streaming else found.content,
        request=asked,
        elapsed=0.0,
        verify=False,
        message=found.reason_phrase,
    )


def broken_by(world: World, schema: Any, operation: Any, token: str, examples: int) -> str:
    """What is wrong with the operation, else an empty text. What a call changed is undone."""
    first = operation.path.removeprefix("/api/v1").split("/")[1]
    known = of(world, ARGUMENTS.get(first, {}))

    @seed(4711)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        if real:  # else a made-up name ends it with 404
            case.path_parameters = {
                **(case.path_parameters or {}),
                **{k: v for k, v in known.items() if k in operation.path},
            }
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with transaction.atomic():
            answer = sent(case, headers)
            transaction.set_rollback(True)
        case.validate_response(answer, checks=CHECKS, headers=headers)

    try:
        ask()
    except (Exception, FailureGroup) as error:  # of whatever kind: the list of all is what helps
        return f"{operation.label}: {str(error)[:3000]}"
    return ""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("role", ROLES)
def test_no_operation_breaks_or_surprises(world: World, role: str, part: int, settings: Any) -> None:
    rows(world)
    settings.CALLS_A_MINUTE = settings.REFUSED_A_MINUTE = 10**9
    limits._counter.storage.reset()
    token = "" if role == "stranger" else Token.make(getattr(world, role), "fuzz")[1]
    schema = schemathesis.openapi.from_dict(json.loads(Client().get("/api/openapi.json").content))
    operations = [one.ok() for one in schema.get_all_operations()]
    mine = [one for one in operations if one.label not in LEFT_OUT][part::PARTS]
    assert len(mine) > 20
    wrong = [words for one in mine if (words := broken_by(world, schema, one, token, EXAMPLES))]
    assert not wrong, "\n\n".join(wrong)


def test_no_two_shapes_share_a_name() -> None:
    """The description names shapes by their classes: of two of one name all operations would show the first."""
    seen: dict[str, set[str]] = {}

    def walk(one: Any) -> None:
        for below in one.__subclasses__():
            seen.setdefault(below.__name__, set()).add(below.__module__)
            walk(below)

    walk(Schema)
    assert not {name: rooms for name, rooms in seen.items() if len(rooms) > 1}
