"""Who is told of what: alerts of one rule and scope that changed within a moment become one notification."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform import live, work
from xqplatform.accounts.visibility import is_closed
from xqplatform.alerts import describe
from xqplatform.alerts.models import Alert, Channel, Delivery, Notification, Rule, Severity

# The first alert of a group waits so long for others.
GROUP_WAIT = timedelta(seconds=10)
LISTED = 20  # alerts that a text names; the webhook's data names MOST
MOST = 200
Group = tuple[str, int, str, str]


def group_of(alert: Alert, kind: str) -> Group:
    """Rule and scope: a place for instances, a host group for hosts."""
    return (kind, alert.rule_id or 0, alert.service or alert.group, alert.environment)


def due(alerts: Iterable[Alert], kind: str, now: datetime) -> list[list[Alert]]:
    """The groups whose first alert has waited long enough, with all that came meanwhile. Pure."""
    groups: dict[Group, list[Alert]] = defaultdict(list)
    for alert in alerts:
        groups[group_of(alert, kind)].append(alert)
    return [group for group in groups.values() if min(a.since for a in group) <= now - GROUP_WAIT]


def collect(now: datetime) -> int:
    """Makes the notifications that are due and their deliveries; returns how many."""
    firing = Alert.objects.filter(state=Alert.State.FIRING, held="", told="", rule__isnull=False)
    ended = Alert.objects.filter(state=Alert.State.RESOLVED, told=Alert.State.FIRING)
    made = 0
    for kind, rows in ((Notification.Kind.FIRING, firing), (Notification.Kind.RESOLVED, ended)):
        for group in due(rows.select_related("rule").order_by("pk"), kind, now):
            made += bool(_make(kind, group))
    return made


def channels_for(rule: Rule | None, severity: str, *, closed: bool = False) -> list[Channel]:
    """The rule's own channels, else those for every rule; of them those that take this severity, and hear of closed teams."""
    on = Channel.objects.shared().filter(enabled=True)
    rows = (
        rule.channels.filter(enabled=True) if rule is not None and rule.channels.exists() else on.filter(default=True)
    )
    loud = [row for row in rows if severity == Severity.CRITICAL or row.least == Severity.WARNING]
    return [row for row in loud if row.hears_closed or not closed]


def _make(kind: str, alerts: Sequence[Alert]) -> Notification | None:
    """One transaction: the alerts are told of, and the deliveries stand. Without any channel they stay untold."""
    first, closed = alerts[0], any(is_closed(team) for team in {alert.team_id for alert in alerts})
    if kind == Notification.Kind.FIRING:
        channels = channels_for(first.rule, first.severity, closed=closed)
        if not channels:
            return None
    else:  # whoever heard that it fires hears that it is over
        told = Delivery.objects.filter(notification__alerts__in=[a.pk for a in alerts[:MOST]])
        on = Channel.objects.filter(enabled=True, pk__in=told.values("channel"))
        channels = list(on.filter(hears_closed=True) if closed else on)
    with transaction.atomic():
        Alert.objects.filter(pk__in=[a.pk for a in alerts]).update(told=kind)
        if not channels:
            return None
        row = Notification.objects.create(
            kind=kind, severity=first.severity, rule=first.rule, title=title(kind, alerts)[:250],
            body=body(kind, alerts), data=data(kind, alerts),
        )  # fmt: skip
        row.alerts.add(*alerts)
        send(row, channels)
    return row


def send(row: Notification, channels: Iterable[Channel]) -> None:
    """Inside the caller's transaction: a delivery a channel, and the workers are told."""
    from xqplatform.alerts.tasks import deliver

    for channel in channels:
        Delivery.objects.create(notification=row, channel=channel)
        work.enqueue(deliver, channel.pk)
    live.bump("alerts:deliveries")


def where(alerts: Sequence[Alert]) -> str:
    """«snow-production-3 on run-a1», or how many of what."""
    first = alerts[0]
    if len(alerts) == 1:
        device = f" [{first.device}]" if first.device else ""
        if first.host and first.host != first.name:
            return _("%(name)s%(device)s on %(host)s") % {"name": first.name, "device": device, "host": first.host}
        return f"{first.name}{device}"
    scope = "/".join(part for part in (first.service or first.group, first.environment) if part)
    if scope:
        text = ngettext("%(n)d subject of %(scope)s", "%(n)d subjects of %(scope)s", len(alerts))
        return text % {"n": len(alerts), "scope": scope}
    return ngettext("%(n)d subject", "%(n)d subjects", len(alerts)) % {"n": len(alerts)}


def title(kind: str, alerts: Sequence[Alert]) -> str:
    first = alerts[0]
    word = _("resolved") if kind == Notification.Kind.RESOLVED else str(Severity(first.severity).label)
    return f"[{word}] {first.rule_name}: {where(alerts)}"


def body(kind: str, alerts: Sequence[Alert]) -> str:
    """A line an alert, then what to do, then where to look."""
    lines = [f"• {where([alert])}: {describe.sentence(alert)}" for alert in alerts[:LISTED]]
    if len(alerts) > LISTED:
        lines.append(_("… and %(n)d more.") % {"n": len(alerts) - LISTED})
    rule = alerts[0].rule
    if rule is not None and rule.text and kind == Notification.Kind.FIRING:
        lines += ["", rule.text]
    link = address(f"/alerts/{alerts[0].pk}/" if len(alerts) == 1 else "/alerts/")
    return "\n".join([*lines, "", link] if link else lines)


def address(path: str) -> str:
    """The page as people outside reach it; empty where nobody said how."""
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else ""


def data(kind: str, alerts: Sequence[Alert]) -> dict[str, Any]:
    """What the signed webhook carries, for programs."""
    first = alerts[0]
    return {
        "version": 1,
        "kind": kind,
        "severity": first.severity,
        "rule": first.rule_name,
        "total": len(alerts),
        "alerts": [describe.as_json(alert) for alert in alerts[:MOST]],
    }
