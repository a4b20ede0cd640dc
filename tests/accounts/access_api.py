"""What the API's lines of the table (`access/api.txt`) are asked with: a path's arguments, and what an operation is sent."""

from __future__ import annotations

import functools
import re
from typing import Any

from tests.accounts.access_table import TEXTS, World
from xqplatform.api import api

HERE = {"slug": "flake", "environment": "production"}
HERE_SIZED = {"service": "flake", "environment": "production", "version": 1, "cpus": 1, "memory": 1 << 30}
# Of what a path's first word names: what stands in its braces.
ARGUMENTS: dict[str, Any] = {
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
    "services": HERE | {"number": 1, "operation": "restart", "name": "tell"},
    "builds": lambda w: {"pk": w.more["build"].pk},
    "images": lambda w: {"pk": w.more["image"].pk, "number": w.more["import"].pk},
    "instances": lambda w: {"number": w.more["instance"].pk},
    "left-data": lambda w: {"number": w.more["left"].pk},
    "snapshots": lambda w: {"number": w.more["snapshot"].pk},
    "backups": lambda w: {"number": w.more["backup"].pk},
    "backup-stores": {"name": "disk"},
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
    "roles": lambda w: {"slug": w.role.slug},
    "grants": lambda w: {"number": w.grant.pk},
    "access": lambda w: {"number": w.request.pk, "username": "paula"},
    "audit-reports": {"month": "2001-01", "form": "csv"},
    "audit-reviews": lambda w: {"pk": w.more["review_done"].pk},
    "audit-review-rules": lambda w: {"pk": w.more["review_rule"].pk},
    "audit": lambda w: {"event_id": w.event.pk, "pk": w.more["view"].pk},
    "gates": {},
    "capacity": lambda w: {"slug": "flake", "pk": w.more["price"].pk, "number": w.more["scenario"].pk},
    "tokens": lambda w: {"number": w.token.pk},
    "sessions": lambda w: {"key": w.more["session"].pk},
    "people": {"username": "paula"},
}
# What an operation must be given before it asks for the right.
BODIES: dict[str, Any] = {
    "post /audit-reports": {"month": "2001-01"},
    "post /audit-reviews/mark": lambda w: {"reviews": [w.more["review"].pk], "comment": "fine"},
    "post /audit-reviews/{pk}/reopen": {"comment": "look again"},
    "post /audit-review-rules": {"name": "more", "actions": ["service.*"]},
    "put /audit-review-rules/{pk}": {"enabled": False},
    "post /capacity/right-sizing": {"places": [HERE_SIZED]},
    "post /tokens": {"label": "ci"},
    "post /sign-in/unlock": {"name": "paula"},
    "post /roles": {"slug": "new", "title": "New", "rights": []},
    "put /roles/{slug}": {"title": "New", "rights": []},
    "post /grants": {"person": "paula", "role": "sre"},
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
    "post /capacity/prices": {"monthly": "300", "currency": "EUR", "valid_from": "2026-02-01"},
    "put /services/{slug}/{environment}/objective": {"target": "99.9"},
    "put /projects/{name}/forge": {"kind": "gitea"},
    "post /registries": {"name": "second", "address": "127.0.0.1:7"},
    "post /blueprints": {"name": "node", "base": True},
    "post /images/imports": {"project": "flake", "name": "root.tar", "size": 5},
    "post /services/{slug}/{environment}/settings": {"settings": {}},
    "post /services/{slug}/{environment}/deployments": lambda w: {"image": w.more["image"].pk},
    "post /services/{slug}/{environment}/deployments/preview": lambda w: {"image": w.more["image"].pk},
    "post /deployments/{number}/turn": {"by": 1},
    "post /deployments/{number}/skip": {"instance": 1, "reason": "x"},
    "post /deployments/{number}/retry": {"instance": 1},
    "post /services/{slug}/{environment}/scale": {"instances": 3},
    "put /services/{slug}/{environment}/scaling": {
        "least": 1,
        "most": 4,
        "loads": [{"metric": "cpu.percent", "target": 50}],
    },
    "put /services/{slug}/{environment}/snapshots/policy": {"every": 6},
    "post /snapshots/{number}/copy": {"name": "none-here-1"},
    "post /left-data/{number}/remove": {"name": "other"},
    "post /snapshots/{number}/restore": {"name": "flake-production-1"},
    "post /services/{slug}/{environment}/backups": {"store": "disk"},
    "put /services/{slug}/{environment}/backups/policy": {"store": "disk", "every": 6},
    "patch /backups/{number}": {"pinned": True},
    "post /backups/{number}/drills": {},
    "post /backups/{number}/restore": {"name": "flake-production-1"},
    "post /backup-stores": {"name": "second", "kind": "folder"},
    "put /backup-stores/{name}": {},
    "patch /snapshots/{number}": {"pinned": True},
    "post /services/{slug}/{environment}/scale/preview": {"instances": 3},
    "post /services/{slug}/{environment}/instances/move": {"instances": [1]},
    "post /services/{slug}/{environment}/instances/move/preview": {"instances": [1]},
    "post /services/{slug}/{environment}/forget": {"instances": [1]},
    "post /capacity/rebalance": {"count": 1, "mark": "x"},
    "post /capacity/scenarios": {"name": "Less", "changes": ["lose:spare"]},
    "put /capacity/scenarios/{number}": {"name": "Less", "changes": ["lose:spare"]},
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
    "post /files/plan": {"text": TEXTS["FILE"]},
    "post /files/apply": {"text": TEXTS["FILE"], "token": "x"},
    "post /persisted/{number}/remove": {"name": "10.77.0.30"},
}

# Methods of paths that lead to another path's operation: /hosts/setup is also a /hosts/{name}.
SHADOWED: set[str] = set()


@functools.cache
def operations() -> frozenset[str]:
    """«GET /hosts/{name}» for all that there are."""
    paths = api.get_openapi_schema()["paths"]
    return frozenset(
        f"{method.upper()} {path.removeprefix('/api/v1')}" for path, methods in paths.items() for method in methods
    )


def of(world: World, value: Any) -> Any:
    return value(world) if callable(value) else value


def filled(path: str, names: dict[str, Any]) -> str:
    """The address with what stands in its braces."""
    return re.sub(r"{(?:\w+:)?(\w+)}", lambda found: str(names[found[1]]), path)


def address(world: World, path: str, query: str = "") -> str:
    names = of(world, ARGUMENTS.get(path.split("/")[1], {}))
    return "/api/v1" + filled(path, names) + (f"?{query}" if query else "")


def body(world: World, operation: str) -> Any:
    method, path = operation.split(" ")
    return of(world, BODIES.get(f"{method.lower()} {path}", {})) if method != "GET" else None
