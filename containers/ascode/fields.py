"""What stands in a file: the fields of each kind of document, and what each may hold. Pure.

Only form is judged here (names, types, lengths); what a value means is judged by the verbs and by `containers.config.parse`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, time
from typing import Any

from django.utils.translation import gettext as _

from builds.forges.services import patterns
from containers.ascode.readers import (
    Check,
    Reader,
    anything,
    block,
    flag,
    items,
    kept,
    named,
    one_of,
    plain,
    text,
    unknown,
    whole,
)
from containers.ascode.source import Path
from containers.config import Config
from containers.config_health import Health
from containers.config_told import Told
from containers.forms.environments import COLOURS
from containers.gates import shape as gates
from containers.hooks.shape import Hook
from containers.models import Freeze, GateRules, Guardrails, Service
from containers.placement import stored as placement
from containers.traffic.shape import Traffic
from xqplatform.errors import Refused

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")
MOST_INSTANCES = 500


def _of(kind: type, **others: Reader) -> dict[str, Reader]:
    return {one.name: others.get(one.name, anything) for one in fields(kind)}


def _moment(check: Check, value: Any, path: Path) -> Any:
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC).isoformat()
    except (TypeError, ValueError, OverflowError):
        check.wrong(path, _("A day and a time with its zone, such as 2026-12-31T18:00+08:00."))
        return value


def _clock(check: Check, value: Any, path: Path) -> Any:
    try:
        return time.fromisoformat(value).replace(second=0, microsecond=0, tzinfo=None).isoformat("minutes")
    except (TypeError, ValueError):
        check.wrong(path, _("A time, such as 09:15."))
        return value


_FREEZES: dict[str, Reader] = {
    Freeze.Kind.MARKET: block(
        {
            "kind": plain, "reason": text(250), "calendar": text(40), "before": whole(0, 1440),
            "after": whole(0, 1440), "lunch": flag,
        },
        ["calendar"],
    ),
    Freeze.Kind.WEEKLY: block(
        {
            "kind": plain, "reason": text(250), "days": items(whole(0, 6), 7), "start": _clock, "end": _clock,
            "zone": text(60),
        },
        ["days", "start", "end", "zone"],
    ),
    Freeze.Kind.ONCE: block(
        {"kind": plain, "reason": text(250), "starts": _moment, "ends": _moment}, ["reason", "starts", "ends"]
    ),
}  # fmt: skip
FREEZE_DEFAULTS: dict[str, dict[str, Any]] = {
    Freeze.Kind.MARKET: {"reason": "", "before": 0, "after": 0, "lunch": True},
    Freeze.Kind.WEEKLY: {"reason": ""},
    Freeze.Kind.ONCE: {},
}


def _freeze(check: Check, value: Any, path: Path) -> Any:
    """A window as `state` has it: with all of its fields."""
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in _FREEZES:
        check.wrong((*path, "kind"), _("Choose one of: %(choices)s.") % {"choices": ", ".join(Freeze.Kind.values)})
        return {}
    given = {key: one for key, one in _FREEZES[kind](check, value, path).items() if one is not None}
    if isinstance(given.get("reason"), str):
        given["reason"] = " ".join(given["reason"].split())
    if isinstance(given.get("days"), list):  # (those that are no numbers are mistakes by now)
        given["days"] = sorted({day for day in given["days"] if isinstance(day, int)})
    return FREEZE_DEFAULTS[kind] | given


def _gate_rules(check: Check, value: Any, path: Path) -> Any:
    """Rules of gates as `state` has them: with all of their fields."""
    try:
        return gates.to_json(gates.parse_all(value))
    except Refused as refused:
        inner = [int(part) if part.isdigit() else part for part in (refused.field or "").split(".")[1:] if part]
        check.wrong((*path, *inner), refused.message)
        return []


def _patterns(check: Check, value: Any, path: Path) -> Any:
    """Patterns of branches or tags, as they are stored."""
    try:
        return patterns(value, "")
    except Refused as refused:
        check.wrong(path, refused.message)
        return ""


def _placement(check: Check, value: Any, path: Path) -> Any:
    """Rules of placement as they are stored; one that is null is taken away."""
    if not isinstance(value, Mapping):
        check.wrong(path, _("It must be an object."))
        return {}
    found: dict[str, Any] = {}
    for name, one in value.items():
        if name not in placement.NAMES:
            check.wrong((*path, name), unknown(name, dict.fromkeys(placement.NAMES)))
            continue
        try:
            found[name] = placement.parse({name: one}).get(name)
        except Refused as refused:
            check.wrong((*path, name), refused.message)
    return found


def _line(check: Check, value: Any, path: Path) -> Any:
    """A text in one line."""
    return " ".join(str(text(250)(check, value, path)).split())


_GATES: dict[str, Reader] = {
    "mode": one_of(GateRules.Mode.values), "settle": whole(0, gates.MOST_SETTLE), "rules": _gate_rules,
}  # fmt: skip
_VOLUME = block({"source": text(500), "target": text(500), "read_only": flag}, ["source", "target"])
_HOOK = block(
    _of(Hook, name=text(40), command=items(plain, 60), values=named(plain, most=20), signed=flag),
    ["name", "at", "kind"],
)
SETTINGS = _of(
    Config,
    tmpfs=items(plain),
    volumes=items(_VOLUME, 30),
    env=named(plain),
    command=items(plain),
    health=block(_of(Health)),
    log_options=named(plain),
    metrics=block(_of(Told, keep=items(plain))),
    hooks=items(_HOOK, 30),
    traffic=block(_of(Traffic)),
) | {"secrets": named(kept)}
SETTINGS.pop("secret_names")
PLACE: dict[str, Reader] = {
    "instances": whole(0, MOST_INSTANCES), "branch": text(120), "segment": text(60), "gates": block(_GATES),
    "placement": _placement,
    "automatic": block({"enabled": flag, "branches": _patterns, "tags": _patterns, "reason": _line}),
    "settings": block(SETTINGS),
}  # fmt: skip
FORGE = block({"kind": text(20), "enabled": flag, "branches": _patterns, "tags": _patterns})
PROJECT: dict[str, Reader] = {
    "repository": text(500), "repository_user": text(120), "repository_password": kept, "default_branch": text(120),
    "subfolder": text(250), "dockerfile": text(250), "blueprint": text(120), "registry": text(120),
    "network": text(60), "build_arguments": named(plain, most=200), "build_secrets": named(kept, most=200),
    "forge": FORGE,
}  # fmt: skip
GUARDRAILS: dict[str, Reader] = {
    "proof": flag, "proof_from": items(plain, 50), "proof_minutes": anything, "proof_instances": anything,
    "reason": flag, "ticket": text(200), "most_batch": anything, "most_share": anything, "least_healthy": anything,
    "approvals": anything, "approvals_role": one_of(Guardrails.Approver.values), "approvals_hours": anything,
    "when_frozen": one_of(Guardrails.Frozen.values),
}  # fmt: skip
HEAD: dict[str, Reader] = {"apiVersion": plain, "kind": plain, "name": plain}
SERVICE: dict[str, Reader] = {
    "title": text(120), "team": text(60), "type": one_of(Service.Kind.values), "project": block(PROJECT),
    "environments": named(block(PLACE), SLUG, 50, {}),
}  # fmt: skip
ENVIRONMENT: dict[str, Reader] = {
    "title": text(80), "title_zh": text(80), "branch": text(120), "colour": one_of(COLOURS), "production": flag,
    "auto_repair": flag, "position": whole(0, 30_000), "groups": items(plain), "segment": text(60),
    "guardrails": block(GUARDRAILS), "freezes": items(_freeze, 200), "gates": block(_GATES | {"binding": flag}),
    "placement": _placement,
}  # fmt: skip
KINDS: dict[str, Reader] = {"Service": block(HEAD | SERVICE), "Environment": block(HEAD | ENVIRONMENT)}
