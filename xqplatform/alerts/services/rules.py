"""The verbs of rules."""

from __future__ import annotations

import math
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.alerts import sources, subjects
from xqplatform.alerts.episodes import Changes, end
from xqplatform.alerts.evaluate import WRITTEN, rewrite
from xqplatform.alerts.models import Alert, Channel, Rule, Severity
from xqplatform.errors import Refused
from xqplatform.metrics import catalogue

RIGHT = "alerts.manage"
FIELDS = (
    "name", "kind", "metric", "source", "condition", "threshold", "clear", "hold", "clear_hold", "silence_resolves",
    "severity", "service", "environment", "group", "enabled", "text",
)  # fmt: skip
C = Rule.Condition


def facts(rule: Rule) -> dict[str, Any]:
    """What the log compares."""
    return {name: getattr(rule, name) for name in FIELDS}


def built(rule: Rule, data: dict[str, Any]) -> Rule:
    """The rule with these values, checked, not saved. Raises Refused at the field that is wrong."""
    for name in FIELDS:
        if name in data:
            setattr(rule, name, data[name])
    rule.name = str(rule.name).strip()
    if not rule.name:
        raise Refused(_("Give it a name."), "name", 400)
    _check_what(rule)
    _check_numbers(rule)
    for name, known in (
        ("service", lambda: [one.slug for one in subjects.services()]),
        ("environment", subjects.environments),
        ("group", subjects.groups),
    ):
        if getattr(rule, name) and getattr(rule, name) not in known():
            raise Refused(_("There is no such thing."), name, 400)
    if rule.severity not in Severity.values:
        raise Refused(_("There is no such severity."), "severity", 400)
    return rule


def _check_what(rule: Rule) -> None:
    if rule.source:
        source = sources.SOURCES.get(rule.source)
        if source is None:
            raise Refused(_("There is no such state."), "what", 400)
        rule.kind, rule.metric = source.kind, ""
        if not source.unit:
            rule.condition = C.STATE
        elif rule.condition not in {C.ABOVE, C.BELOW}:
            raise Refused(_("This is a number: above or below a threshold."), "condition", 400)
        return
    if not rule.metric:
        raise Refused(_("Choose what is looked at."), "what", 400)
    if rule.kind not in {"host", "instance"}:
        raise Refused(_("Metrics are of hosts and instances."), "what", 400)
    if rule.condition == C.STATE:
        raise Refused(_("A metric has a value, not a state."), "condition", 400)
    if rule.condition == C.LIMIT and not catalogue.find(rule.metric).limit:
        raise Refused(_("This metric has no limit of its own; use «above»."), "condition", 400)


def _check_numbers(rule: Rule) -> None:
    for name in ("threshold", "clear"):
        value = getattr(rule, name)
        if value is not None and not (math.isfinite(value) and abs(value) < 1e18):
            raise Refused(_("This is not a number that can be compared."), name, 400)
    if rule.condition == C.STATE:
        rule.threshold, rule.clear = 0, None
    if rule.clear is not None:
        wrong = rule.clear < rule.threshold if rule.condition == C.BELOW else rule.clear > rule.threshold
        if wrong:
            raise Refused(_("It would be good and bad at once: choose the good side of the threshold."), "clear", 400)
    if rule.condition in {C.ABSENT, C.RISE} and rule.hold < 20:
        raise Refused(_("At least 20 seconds: samples come every 10."), "hold", 400)


def save_rule(actor: Actor, rule: Rule | None, data: dict[str, Any], channels: list[Channel] | None = None) -> Rule:
    """Makes a rule or changes one. It holds from the next evaluation on, some seconds later."""
    require(actor, RIGHT, obj=rule)
    new = rule is None
    row = rule or Rule()
    before = {} if new else facts(row) | {"channels": _names(row)}
    built(row, data)
    try:
        with transaction.atomic():
            row.save()
            if channels is not None:
                row.channels.set(channels)
            was, now = audit.changed(before, facts(row) | {"channels": _names(row)})
            if new or now:
                audit.record(actor, "alert.rule.create" if new else "alert.rule.change", row, before=was, after=now)
            live.bump("alerts:rules")
    except IntegrityError:
        raise Refused(_("There is a rule of this name already."), "name") from None
    return row


def _names(rule: Rule) -> list[str]:
    return sorted(rule.channels.values_list("name", flat=True))


def switch_rule(actor: Actor, rule: Rule, on: bool) -> Rule:
    """Off: its alerts end at the next evaluation."""
    require(actor, RIGHT, obj=rule)
    with transaction.atomic():
        if Rule.objects.filter(pk=rule.pk, enabled=not on).update(enabled=on, changed=timezone.now()):
            audit.record(actor, "alert.rule.change", rule, before={"enabled": not on}, after={"enabled": on})
            live.bump("alerts:rules")
    rule.refresh_from_db()
    return rule


def remove_rule(actor: Actor, rule: Rule) -> None:
    """Ends its alerts, whose history stays. Those that came with the platform can only be switched off."""
    require(actor, RIGHT, obj=rule)
    if rule.builtin:
        raise Refused(_("This rule came with the platform: switch it off instead."))
    out = Changes()
    with transaction.atomic():
        for alert in Alert.objects.filter(rule=rule, state__in=Alert.ACTIVE):
            end(alert, timezone.now().timestamp(), _("The rule was removed."), out)
        Alert.objects.filter(pk__in=[alert.pk for alert in out.gone]).delete()
        rewrite(out.changed, WRITTEN)
        for transition in out.transitions:
            transition.save()
        audit.record(actor, "alert.rule.remove", rule, before=facts(rule))
        rule.delete()
        live.bump("alerts:rules", "alerts")
