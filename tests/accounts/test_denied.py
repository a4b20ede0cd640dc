"""Whoever may not change a thing is refused, and the attempt stands in the log: every operation of the API."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tests.accounts import access_pages
from tests.accounts.access_table import World
from tests.accounts.test_access import world  # noqa: F401  a fixture
from xqplatform.accounts.models import Token
from xqplatform.api import api
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
HERE = {"slug": "flake", "environment": "production"}
# Of what a path's first word names: what stands in its braces.
NAMES: dict[str, Any] = {
    "hosts": lambda w: {"name": "spare", "check": "swap", "kind": "engine.restart", "number": w.more["operation"].pk},
    "host-commands": {"name": "tidy"},
    "conformance": lambda w: {"waiver": w.more["waiver"].pk, "profile": w.more["profile"].pk},
    "host-groups": {"slug": "cellar"},
    "segments": {"slug": "empty", "ip": "10.77.0.9"},
    "certificates": lambda w: {"pk": w.more["old_authority"].pk},
    "registries": {"name": "main"},
    "projects": {"name": "flake"},
    "blueprints": {"name": "java8"},
    "environments": lambda w: {"slug": "production", "number": w.more["freeze"].pk},
    "calendars": {"slug": "office", "day": "2026-12-31"},
    "broken-glass": lambda w: {"number": w.more["glass"].pk},
    "services": HERE | {"operation": "restart", "name": "tell"},
    "builds": lambda w: {"pk": w.more["build"].pk},
    "images": lambda w: {"pk": w.more["image"].pk},
    "instances": lambda w: {"number": w.more["instance"].pk},
    "persisted": lambda w: {"number": w.more["persisted"].pk},
    "terminals": lambda w: {"number": w.more["terminal"].pk},
    "commands": lambda w: {"number": w.more["command"].pk},
    "alert-silences": lambda w: {"pk": w.more["silence"].pk},
    "hook-runs": lambda w: {"number": w.more["hook_run"].pk, "answer": "retry"},
    "nginx-fronts": {"slug": "edge"},
    "alert-rules": lambda w: {"pk": w.more["rule"].pk},
    "alert-channels": lambda w: {"pk": w.more["channel"].pk},
    "notice-subscriptions": lambda w: {"pk": w.more["subscription"].pk},
    "alert-deliveries": lambda w: {"pk": w.more["delivery"].pk},
    "waves": lambda w: {"pk": w.more["wave"].pk},
    "trains": lambda w: {"number": w.more["train"].pk},
    "train-templates": lambda w: {"number": w.more["train_template"].pk},
    "deployments": lambda w: {"number": w.more["release"].pk},
    "files": lambda w: {"kind": "services", "slug": "flake", "number": w.more["file"].pk},
    "kept-logs": lambda w: {"number": w.more["kept"].pk},
    "alerts": lambda w: {"pk": w.more["alert"].pk},
    "audit": lambda w: {"event_id": w.event.pk},
    "audit-reviews": lambda w: {"pk": w.more["review_done"].pk},
    "audit-review-rules": lambda w: {"pk": w.more["review_rule"].pk},
    "gates": {},
}
# What an operation must be given before it asks for the right.
BODIES: dict[str, Any] = {
    "post /hosts": {"name": "h9", "connection": "local", "address": "/run/other.sock"},
    "post /hosts/setup": {"name": "h8", "address": "10.9.9.9", "key": "k"},
    "post /host-groups": {"slug": "attic"},
    "put /hosts/{name}/ssh": {"user": "root", "address": "10.0.0.1"},
    "post /hosts/{name}/ssh/trust": {"fingerprint": "SHA256:x"},
    "put /hosts/{name}/measuring": {"way": "off"},
    "post /host-commands": {"name": "sync", "title": "Sync", "argv": ["sync"]},
    "post /host-commands/{name}/review": {"version": 1},
    "post /host-commands/{name}/run": {"hosts": ["spare"]},
    "post /conformance/waivers": {"host": "spare", "check": "swap", "reason": "x", "until": "2027-01-01"},
    "post /conformance/profiles": {"role": "run"},
    "post /segments": {"slug": "new", "cidr": "10.78.0.0/24"},
    "post /segments/{slug}/networks": {"host": "spare"},
    "post /segments/{slug}/addresses": {"ip": "10.77.0.20"},
    "post /environments": {"slug": "stage"},
    "post /environments/{slug}/freezes": {"kind": "weekly"},
    "post /calendars": {"market": "XSHG"},
    "put /calendars/{slug}/ics": {"text": ""},
    "post /broken-glass/{number}/review": {"comment": "fine"},
    "post /deployments/{number}/go-on": {"reason": "x", "service": "floe"},
    "post /services": {"slug": "tide", "team": "snow", "repository": "https://git.example/tide.git"},
    "post /projects": {"name": "tide", "team": "snow", "repository": "https://git.example/tide.git"},
    "put /services/{slug}/{environment}/automatic": {"branches": "main"},
    "put /projects/{name}/forge": {"kind": "gitea"},
    "post /registries": {"name": "second", "address": "127.0.0.1:7"},
    "post /blueprints": {"name": "node", "base": True},
    "post /services/{slug}/{environment}/settings": {"settings": {}},
    "post /services/{slug}/{environment}/deployments": lambda w: {"image": w.more["image"].pk},
    "post /services/{slug}/{environment}/deployments/preview": lambda w: {"image": w.more["image"].pk},
    "post /deployments/{number}/turn": {"by": 1},
    "post /deployments/{number}/skip": {"instance": 1, "reason": "x"},
    "post /deployments/{number}/retry": {"instance": 1},
    "post /services/{slug}/{environment}/scale": {"instances": 3},
    "post /services/{slug}/{environment}/scale/preview": {"instances": 3},
    "post /services/{slug}/{environment}/instances/move": {"instances": [1]},
    "post /services/{slug}/{environment}/instances/move/preview": {"instances": [1]},
    "post /services/{slug}/{environment}/forget": {"instances": [1]},
    "post /trains": {"name": "x", "cars": [{"service": "flake", "environment": "production"}]},
    "put /trains/{number}": {"name": "x", "cars": [{"service": "flake", "environment": "production"}]},
    "post /trains/{number}/template": {"name": "weekly"},
    "post /nginx-fronts": {"slug": "second", "hosts": ["spare"]},
    "post /instances/{number}/commands": {"argv": ["true"], "reason": "x"},
    "post /alert-silences": {"service": "flake", "reason": "x"},
    "post /alert-rules": {"name": "mine", "metric": "memory.percent", "threshold": 90},
    "post /alert-rules/preview": {"metric": "memory.percent", "threshold": 90},
    "post /alert-channels": {"name": "mine", "kind": "webhook", "url": "http://127.0.0.1:9/hook"},
    "post /notice-subscriptions": {"channel": "ops", "service": "flake", "kinds": ["failed"]},
    "post /audit-reviews/mark": lambda w: {"reviews": [w.more["review"].pk], "comment": "fine"},
    "post /audit-reviews/{pk}/reopen": {"comment": "look again"},
    "post /audit-review-rules": {"name": "more", "actions": ["service.*"]},
    "put /audit-review-rules/{pk}": {"enabled": False},
    "post /files/plan": {"text": access_pages.FILE},
    "post /files/apply": {"text": access_pages.FILE, "token": "x"},
    "post /persisted/{number}/remove": {"name": "10.77.0.30"},
}
# Changes nothing: only reads a host again.
OPEN = {"post /hosts/{name}/refresh", "post /hosts/{name}/conformance/check"}
# Who reads the log may have it verified (tests/audit/proof).
OPEN |= {"post /audit/verifications"}
# Of one's own, whoever it is (tests/notices).
OPEN |= {
    "post /inbox/read",
    "put /inbox/preferences",
    "put /inbox/channel",
    "delete /inbox/channel",
    "post /inbox/channel/test",
}
# Of one's own, too; those of others are not even seen (tests/audit/test_saved_views.py).
OPEN |= {"post /audit/views", "put /audit/views/{pk}", "delete /audit/views/{pk}"}


def operations() -> list[str]:
    found = []
    for path, methods in api.get_openapi_schema()["paths"].items():
        found += [f"{method} {path.removeprefix('/api/v1')}" for method in methods if method != "get"]
    return [one for one in found if one not in OPEN]


def filled(path: str, names: dict[str, Any]) -> str:
    """The address with what stands in its braces."""
    return re.sub(r"{(\w+)}", lambda found: str(names[found[1]]), path)


def of(world: World, value: Any) -> Any:  # noqa: F811
    return value(world) if callable(value) else value


@pytest.mark.parametrize("role", ["developer", "manager"])
def test_every_operation_refuses_a_stranger_and_says_so_in_the_log(world: World, role: str) -> None:  # noqa: F811
    access_pages.rows(world)
    raw = Token.make(getattr(world, role), "test")[1]
    client, wrong = Client(headers={"Authorization": f"Bearer {raw}"}), []
    for operation in operations():
        method, path = operation.split(" ")
        names = of(world, NAMES[path.split("/")[1]])
        address = "/api/v1" + filled(path, names)
        point, before = transaction.savepoint(), Event.objects.count()
        answer = client.generic(
            method.upper(), address, _json(of(world, BODIES.get(operation, {}))), content_type="application/json"
        )
        events = list(Event.objects.order_by("-pk")[: Event.objects.count() - before])
        if answer.status_code != 403 or not events or not all(e.denied and e.user for e in events):
            wrong.append(f"{operation}: {answer.status_code} {answer.content.decode()[:200]} {events}")
        transaction.savepoint_rollback(point)
    assert not wrong, "\n".join(wrong)


def _json(body: Any) -> str:
    import json

    return json.dumps(body)
