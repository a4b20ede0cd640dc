"""How alerts look in templates."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone
from django.utils.translation import gettext

from xqplatform.alerts import conditions, describe, reading
from xqplatform.alerts.defaults import DEFAULTS
from xqplatform.alerts.models import Alert, Rule
from xqplatform.web.templatetags.xq import duration

register = template.Library()
EARLIER = 10
SHIPPED = {name for name, _fields in DEFAULTS.values()}


@register.filter
def shipped(name: str) -> str:
    """A rule's name; of one that came with the platform and still has its name, in the reader's language."""
    return gettext(name) if name in SHIPPED else name


@register.inclusion_tag("alerts/_panel.html")
def alerts_panel(kind: str, pk: int, host: str = "") -> dict[str, Any]:
    """What fires on a subject, and its history; for a host also how many of its instances' alerts fire."""
    rows = Alert.objects.filter(subject=f"{kind}:{pk}").select_related("rule")
    there = Alert.objects.filter(host=host, state=Alert.State.FIRING).exclude(subject=f"{kind}:{pk}") if host else None
    return {
        "active": sorted(rows.filter(state__in=Alert.ACTIVE), key=reading.urgency),
        "earlier": rows.filter(state=Alert.State.RESOLVED).order_by("-fired")[:EARLIER],
        "subject": f"{kind}:{pk}",
        "host": host,
        "there": there.count() if there is not None else 0,
    }


@register.filter
def alert_sentence(alert: Alert) -> str:
    return describe.sentence(alert)


@register.filter
def alert_value(alert: Alert) -> str:
    return describe.value(alert)


@register.filter
def alert_peak(alert: Alert) -> str:
    return describe.value(alert, alert.peak)


@register.simple_tag
def alert_length(alert: Alert) -> str:
    """How long it fired, or fires."""
    if alert.fired is None:
        return "–"
    return duration((alert.resolved or timezone.now()) - alert.fired, "–")


@register.filter
def rule_clear(rule: Rule) -> str:
    return conditions.number(rule.clear, describe.unit_of(rule)) if rule.clear is not None else ""


@register.filter
def rule_condition(rule: Rule) -> str:
    return describe.condition(rule)


@register.filter
def rule_scope(rule: Rule) -> str:
    return describe.scope(rule)
