"""Alerts in words and as JSON: pages, notifications and the API share it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from xqplatform.alerts import conditions, sources
from xqplatform.alerts.models import Alert, Rule
from xqplatform.metrics import catalogue


def unit_of(rule: Rule | None) -> str:
    """The unit of a rule's values; empty for states."""
    if rule is None or rule.condition in {Rule.Condition.ABSENT, Rule.Condition.STATE}:
        return ""
    if rule.source:
        source = sources.SOURCES.get(rule.source)
        return source.unit if source else ""
    if rule.condition == Rule.Condition.LIMIT:
        return "percent"
    return metric_unit(rule.metric)


def metric_unit(metric: str) -> str:
    return catalogue.find(metric).unit


def metric_title(metric: str) -> str:
    device = conditions.device_of(metric)[1]
    title = str(catalogue.find(metric).title)
    return f"{title} [{device}]" if device else title


def what(rule: Rule) -> str:
    if rule.source:
        source = sources.SOURCES.get(rule.source)
        return str(source.title) if source else rule.source
    return metric_title(rule.metric)


def condition(rule: Rule) -> str:
    """«Working set > 90 % for 5 min»."""
    return conditions.words(rule, what(rule), unit_of(rule))


def scope(rule: Rule) -> str:
    """«snow, production»; what it holds for."""
    parts = [rule.service, rule.environment, rule.group]
    return ", ".join(part for part in parts if part) or _("everything")


def is_yes_or_no(rule: Rule | None) -> bool:
    """Whether its value says nothing: a state holds, or data is missing."""
    if rule is None:
        return False
    if rule.condition in {Rule.Condition.ABSENT, Rule.Condition.STATE}:
        return True
    source = sources.SOURCES.get(rule.source)
    return bool(rule.source) and not (source and source.unit)


def value(alert: Alert, number: float | None = None) -> str:
    """The value with its unit; empty where it says nothing."""
    if is_yes_or_no(alert.rule):
        return ""
    return conditions.number(alert.value if number is None else number, unit_of(alert.rule))


def sentence(alert: Alert) -> str:
    """What is so, in one line."""
    shown, peak = value(alert), value(alert, alert.peak)
    if alert.words:
        return alert.words
    if not shown:
        return alert.rule_name
    if alert.state == Alert.State.RESOLVED:
        return _("%(value)s again (at worst %(peak)s)") % {"value": shown, "peak": peak}
    return shown if shown == peak else _("%(value)s (at worst %(peak)s)") % {"value": shown, "peak": peak}


def as_json(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "rule": alert.rule_name,
        "severity": alert.severity,
        "state": alert.state,
        "subject": alert.subject,
        "device": alert.device,
        "name": alert.name,
        "service": alert.service,
        "environment": alert.environment,
        "host": alert.host,
        "group": alert.group,
        "value": None if is_yes_or_no(alert.rule) else alert.value,
        "peak": None if is_yes_or_no(alert.rule) else alert.peak,
        "unit": unit_of(alert.rule),
        "words": alert.words,
        "held": alert.held,
        "started": alert.started.isoformat(),
        "fired": alert.fired.isoformat() if alert.fired else None,
        "resolved": alert.resolved.isoformat() if alert.resolved else None,
    }
