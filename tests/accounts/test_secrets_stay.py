"""What was given as a secret is never seen again: not in a page, an answer, an event, a log line, a task, or in the clear."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from hosts.models import Host
from tests.accounts.access_api import ARGUMENTS, of
from tests.accounts.access_table import PAGES, World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from tests.engines.certs import Authority
from xqplatform.accounts.models import Token
from xqplatform.alerts.models import Channel
from xqplatform.api import api
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
# Each with its own word, so that what leaks says whence.
REGISTRY, REPOSITORY, BUILD, SETTING, PERSON, CHANNEL, SIGNING = (f"zebra-{n}-pass-Word9" for n in "1234567")
PLACE = "/services/flake/production"


def secrets_given(client: Client) -> Iterator[str]:
    """Gives secrets by every door; yields what must not be seen again."""

    def call(method: str, path: str, body: dict[str, Any]) -> None:
        answer = client.generic(method, f"/api/v1{path}", json.dumps(body), content_type="application/json")
        assert answer.status_code < 300, (path, answer.content)

    authority = Authority()
    pair = authority.client()
    key = pair.key.strip().splitlines()[1]
    call("POST", "/hosts", {
        "name": "h9", "connection": "tcp", "address": "127.0.0.1:9", "ca": authority.cert, "certificate": pair.cert,
        "key": pair.key,
    })  # fmt: skip
    call("PATCH", "/registries/main", {"username": "robot", "password": REGISTRY})
    call("PATCH", "/projects/flake", {
        "repository_user": "robot", "repository_password": REPOSITORY, "build_secrets": {"NPM": BUILD},
    })  # fmt: skip
    call("POST", f"{PLACE}/settings", {"settings": {"secret_names": ["DB"]}, "secrets": {"DB": SETTING}})
    call("POST", f"{PLACE}/settings", {"settings": {"secret_names": ["DB"], "memory": "1g"}})
    call("POST", f"{PLACE}/scale", {"instances": 3})
    Channel.objects.create(name="hook", kind="webhook", url=f"https://hooks.example/{CHANNEL}", secret=SIGNING)
    yield from (CHANNEL, SIGNING)
    yield from (key, REGISTRY, REPOSITORY, BUILD, SETTING)


def texts(client: Client, world: World) -> Iterator[tuple[str, str]]:
    """Every page and every answer of the API that may be read, with its address."""
    for line in PAGES:
        if line.method == "GET":
            address = reverse(line.name, kwargs=line.args(world))
            answer = client.get(address)
            if not answer.streaming:
                yield address, answer.content.decode(errors="replace")
            elif not answer.is_async and "event-stream" not in answer["Content-Type"]:
                yield address, answer.getvalue().decode(errors="replace")
    for path, methods in api.get_openapi_schema()["paths"].items():
        if "get" in methods:
            names = {"number": 1, "pk": 1} | of(world, ARGUMENTS.get(path.split("/")[3], {}))
            address = path.format_map(Otherwise(names))
            yield address, client.get(address, {"a": 1, "b": 2}).getvalue().decode(errors="replace")
    for event in Event.objects.all():
        address = reverse("audit:event", args=[event.pk])
        yield address, client.get(address).content.decode()


class Otherwise(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "1"


def test_what_is_secret_is_never_seen_again(
    world: World,
    client: Client,
    enqueued: Any,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    rows(world)
    raw = Token.make(world.sre, "test")[1]
    caplog.set_level(logging.DEBUG)
    with django_capture_on_commit_callbacks(execute=True):
        secret = [*secrets_given(Client(headers={"Authorization": f"Bearer {raw}"})), raw]
    client.force_login(world.sre)
    client.post(
        reverse("accounts:person_password", args=[world.person.pk]), {"password": PERSON, "password_again": PERSON}
    )
    secret.append(PERSON)
    assert Host.objects.get(name="h9").key.strip().splitlines()[1] in secret
    assert enqueued.names

    leaks, pages = [], 0
    for address, text in texts(client, world):
        pages += 1
        leaks += [f"{address}: {word[:14]}" for word in secret if word in text]
    for event in Event.objects.all():
        told = json.dumps([event.before, event.after, event.reason, event.object_name])
        leaks += [f"event {event.action}: {word[:14]}" for word in secret if word in told]
    leaks += [f"task {name}: {word[:14]}" for name, args in enqueued for word in secret if word in repr(args)]
    own = {"hosts", "builds", "containers", "accounts", "audit", "xqplatform"}
    logged = "\n".join(
        r.getMessage() for r in caplog.records if r.name.split(".")[0] in own | {"django"} and "sql" not in r.name
    )
    leaks += [f"log: {word[:14]}" for word in secret if word in logged]
    leaks += [f"in the clear in {where}: {word[:14]}" for where, text in stored() for word in secret if word in text]
    assert not leaks, "\n".join(sorted(set(leaks)))
    assert pages > 60


def stored() -> Iterator[tuple[str, str]]:
    """What the tables really hold."""
    from django.db import connection

    for model in apps.get_models():
        if model._meta.app_label in {"hosts", "builds", "containers", "accounts", "audit", "alerts"}:
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
                yield model._meta.label, repr(cursor.fetchall()).replace("\\n", "\n")
