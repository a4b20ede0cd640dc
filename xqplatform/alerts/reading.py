"""What pages and the API read: stored rows only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, visible_teams
from xqplatform.alerts import describe, notify
from xqplatform.alerts.models import Alert, Delivery, Evaluator, Rule, Severity

MOST = 3000  # alerts that one page groups
LATE = timedelta(seconds=60)  # an evaluator that did not run for so long is late


def firing() -> QuerySet[Alert]:
    """What fires and is told of."""
    return Alert.objects.filter(state=Alert.State.FIRING, held="")


def mine(actor: Actor) -> QuerySet[Alert]:
    """What needs this person: an SRE or manager everything, a developer what the own teams own."""
    rows = firing()
    return rows if can(actor, "fleet.read") else rows.filter(team_id__in=visible_teams(actor))


def counts(rows: QuerySet[Alert]) -> dict[str, int]:
    found = rows.aggregate(
        critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
        warning=Count("pk", filter=Q(severity=Severity.WARNING)),
    )
    return {**found, "total": found["critical"] + found["warning"]}


def urgency(alert: Alert) -> tuple[Any, ...]:
    """Firing before pending, critical before warning, the newest first."""
    return (alert.state != Alert.State.FIRING, alert.severity != Severity.CRITICAL, -alert.since.timestamp())


@dataclass
class Group:
    """Alerts of one rule and scope: one line of the page."""

    key: str
    alerts: list[Alert] = field(default_factory=list)

    @property
    def first(self) -> Alert:
        return self.alerts[0]

    @property
    def since(self) -> Any:
        return min(alert.fired or alert.since for alert in self.alerts)

    @property
    def scope(self) -> str:
        return self.first.service or self.first.group

    @property
    def worst(self) -> str:
        """The worst value of all; empty where values say nothing."""
        below = self.first.rule is not None and self.first.rule.condition == Rule.Condition.BELOW
        peak = (min if below else max)(alert.peak for alert in self.alerts)
        return describe.value(self.first, peak)

    @property
    def reasons(self) -> list[str]:
        return sorted({alert.held for alert in self.alerts if alert.held})


def grouped(alerts: Iterable[Alert]) -> list[Group]:
    groups: dict[Any, list[Alert]] = defaultdict(list)
    for alert in alerts:
        groups[notify.group_of(alert, alert.state)].append(alert)
    found = [Group("-".join(str(part) for part in key), rows) for key, rows in groups.items()]
    return sorted(found, key=lambda group: min(urgency(alert) for alert in group.alerts))


def by_place(places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How many alerts fire in each (service, environment)."""
    wanted = set(places)
    rows = firing().filter(service__in={service for service, _e in wanted}).order_by()
    found = rows.values_list("service", "environment").annotate(n=Count("pk"))
    return {(service, environment): n for service, environment, n in found if (service, environment) in wanted}


def health() -> dict[str, Any]:
    """How the evaluation itself fares."""
    row = Evaluator.objects.filter(pk=1).first()
    late = row is None or row.ran is None or timezone.now() - row.ran > LATE
    stuck = Delivery.objects.filter(
        channel__owner=None, state__in=Delivery.OPEN, created__lt=timezone.now() - timedelta(minutes=2)
    ).count()
    return {"evaluator": row, "late": late, "stuck": stuck}
