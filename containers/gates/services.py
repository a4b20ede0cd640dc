"""The verb of gates' rules: of a place, of an environment, of the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from containers.gates import sets, shape
from containers.gates.judge import Rule
from containers.gates.sets import Scope
from containers.models import GateRules
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles.decide import At
from xqplatform.errors import Refused

MODE = GateRules.Mode


def right_of(scope: Scope) -> tuple[str, At]:
    """Which right changes its rules, and for what."""
    place = scope.place
    if place is None:
        return "environment.manage", {}
    return "service.change", place.at


def may_change(actor: Actor, scope: Scope) -> bool:
    right, what = right_of(scope)
    return can(actor, right, **what)


def require_change(actor: Actor, scope: Scope) -> None:
    """Raises Denied, which is noted."""
    right, what = right_of(scope)
    require(actor, right, obj=scope.place or scope.environment, **what)


def save(actor: Actor, scope: Scope, data: Mapping[str, Any], reason: str = "") -> sets.Rules:
    """Changes what `data` names of: mode, settle, binding, rules (all of them). Raises Refused with the field.

    Who chooses own rules and gives none begins with those that held until then, or that the platform suggests.
    """
    require_change(actor, scope)
    given = _read(scope, data)
    return _change(actor, scope, lambda now: given, reason)


def add_rule(actor: Actor, scope: Scope, data: Mapping[str, Any], instead: str = "") -> sets.Rules:
    """One more rule, or one in the place of another (its mark); from now on these are own rules. Raises Refused."""
    require_change(actor, scope)
    rule = shape.parse(data)

    def change(now: sets.Rules) -> dict[str, Any]:
        rules = list(_begin(scope, now, suggested=False))
        at = next((n for n, one in enumerate(rules) if instead and shape.mark_of(one) == instead), len(rules))
        if instead and at == len(rules):
            raise Refused(_("Somebody changed or removed this rule meanwhile."))
        rules[at : at + 1] = [rule]
        return {"mode": MODE.OWN, "rules": shape.parse_all(shape.to_json(rules), "metric")}

    return _change(actor, scope, change)


def remove_rule(actor: Actor, scope: Scope, mark: str) -> sets.Rules:
    """Takes one away; one that is gone already is no error."""
    require_change(actor, scope)

    def change(now: sets.Rules) -> dict[str, Any]:
        return {"mode": MODE.OWN, "rules": [one for one in _begin(scope, now) if shape.mark_of(one) != mark]}

    return _change(actor, scope, change)


def _begin(scope: Scope, now: sets.Rules, *, suggested: bool = True) -> tuple[Rule, ...]:
    """What own rules begin with: those that held until then, else, if `suggested`, the platform's suggestions."""
    if now.row and (now.mode == MODE.OWN or now.rules):
        return now.rules
    above = scope.above
    inherited = sets.counting(above).rules if above is not None else ()
    return inherited or (shape.DEFAULTS if suggested else ())


def _read(scope: Scope, data: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "mode" in data:
        modes = [str(m) for m in MODE.values if scope.above is not None or m != MODE.INHERIT]
        if data["mode"] not in modes:
            raise Refused(_("Choose one of: %(choices)s.") % {"choices": ", ".join(modes)}, "mode", 400)
        found["mode"] = data["mode"]
    if "settle" in data:
        value, most = data["settle"], shape.MOST_SETTLE
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise Refused(_("A number from %(low)s to %(most)s.") % {"low": 0, "most": most}, "settle", 400)
        found["settle"] = value
    if "binding" in data:
        if data["binding"] and scope.environment is None:
            raise Refused(_("Only an environment's rules can bind its services."), "binding", 400)
        found["binding"] = data["binding"] is True
    if "rules" in data:
        found["rules"] = shape.parse_all(data["rules"])
    return found


def _change(actor: Actor, scope: Scope, change: Callable[[sets.Rules], dict[str, Any]], reason: str = "") -> sets.Rules:
    with transaction.atomic():
        if scope.place is not None and sets.counting(scope).bound:
            raise Refused(_("The environment's gates bind all of its services."))
        as_is = sets.at(scope)
        first: dict[str, Any] = {"mode": as_is.mode, "rules": shape.to_json(as_is.rules)}
        first |= {"environment": scope.environment, "place": scope.place}
        GateRules.objects.get_or_create(key=scope.key, defaults=first)
        row = GateRules.objects.select_for_update().get(key=scope.key)
        now = sets.at(scope)
        before = shown(now)
        given = change(now)
        if given.get("mode") == MODE.OWN and "rules" not in given and now.mode != MODE.OWN:
            given["rules"] = _begin(scope, now)
        for name, value in given.items():
            setattr(row, name, shape.to_json(value) if name == "rules" else value)
        row.changed_name = actor.name
        row.save()
        saved = sets.at(scope)
        old, new = audit.changed(before, shown(saved))
        if new:
            parent = scope.place.service if scope.place is not None else None
            obj = scope.place or scope.environment
            action = "gates.change" if obj is not None else "gates.platform"
            audit.record(actor, action, obj, before=old, after=new, reason=reason, parent=parent)
            live.bump("services", *([topic(scope.place)] if scope.place is not None else []))
    return saved


def shown(found: sets.Rules) -> dict[str, Any]:
    """The names of the verb and of the API."""
    return {
        "mode": str(found.mode),
        "settle": found.settle,
        "binding": found.binding,
        "rules": shape.to_json(found.rules),
    }
