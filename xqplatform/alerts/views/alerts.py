"""What fires now, what was, and one alert with all that became of it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.alerts import audited, describe, reading, subjects
from xqplatform.alerts.models import Alert, Rule, Severity
from xqplatform.alerts.services.silences import may_silence
from xqplatform.web.tables import Filter, Table, csv_response

SEARCH = ["rule_name", "name", "host", "service", "words", "device"]
PER_PAGE = 50


def _filters(request: ActorRequest) -> dict[str, Filter]:
    def names(found: list[str]) -> list[tuple[str, str]]:
        return [(one, one) for one in found]

    return {
        "severity": Filter(_("Severity"), Severity.choices, "severity"),
        "service": Filter(_("Service"), names(subjects.services_seen_by(request.actor)), "service"),
        "environment": Filter(_("Environment"), names(subjects.environments()), "environment"),
        "group": Filter(_("Host group"), names(subjects.groups()), "group"),
    }


def _rows(request: ActorRequest) -> QuerySet[Alert]:
    rows = visible(request.actor, Alert).select_related("rule")
    host = request.GET.get("host", "").replace("\x00", "")[:80]
    return rows.filter(host=host) if host else rows


@require_GET
def firing(request: ActorRequest) -> HttpResponse:
    """One line a rule and scope, the most urgent first; below what nobody is told of, and what may fire soon."""
    table = Table(
        request, _rows(request).filter(state__in=Alert.ACTIVE), search=SEARCH, filters=_filters(request), per_page=1
    )
    rows = list(table.queryset.order_by("-pk")[: reading.MOST])
    told = [row for row in rows if row.state == Alert.State.FIRING and not row.held]
    groups = reading.grouped(told)
    number = request.GET.get("page", "1")
    context = {
        "table": table,
        "page": Paginator(groups, PER_PAGE).get_page(int(number) if number.isdecimal() and len(number) < 6 else 1),
        "held": reading.grouped(row for row in rows if row.held and row.state == Alert.State.FIRING)[:PER_PAGE],
        "pending": sorted((row for row in rows if row.state == Alert.State.PENDING), key=reading.urgency)[:PER_PAGE],
        "counts": reading.counts(visible(request.actor, reading.firing())),
        "n_held": visible(request.actor, Alert).filter(state=Alert.State.FIRING).exclude(held="").count(),
        "n_pending": visible(request.actor, Alert).filter(state=Alert.State.PENDING).count(),
        "n_rules": Rule.objects.filter(enabled=True).count(),
        "more": table.count > len(rows),
        "filtered": table.active or bool(request.GET.get("host")),
        "host": request.GET.get("host", ""),
        **reading.health(),
    }
    return render(request, "alerts/firing.html", context)


@require_GET
def badge(request: ActorRequest) -> HttpResponse:
    """The number in the side bar."""
    return render(request, "alerts/_badge.html", {"firing_alerts": reading.mine(request.actor).count()})


def _of_subject(request: ActorRequest) -> QuerySet[Alert]:
    rows = _rows(request).exclude(state=Alert.State.PENDING)
    subject = request.GET.get("subject", "").replace("\x00", "")[:60]
    return rows.filter(subject=subject) if subject else rows


@require_GET
def history(request: ActorRequest) -> HttpResponseBase:
    """Every alert that ever fired, by instance and host: it outlives containers, releases and rules."""
    rules = Rule.objects.values_list("pk", "name")
    states = [(Alert.State.FIRING, _("firing")), (Alert.State.RESOLVED, _("resolved"))]
    table = Table(
        request,
        _of_subject(request),
        search=SEARCH,
        sorts={"fired": "fired", "rule": "rule_name", "name": "name", "resolved": "resolved"},
        default="-fired",
        filters={
            "state": Filter(_("State"), states, "state"),
            "rule": Filter(_("Rule"), rules, "rule"),
            **_filters(request),
        },
    )
    if request.GET.get("format") == "csv":
        lines = (_line(row) for row in table.queryset.iterator(chunk_size=500))
        return csv_response(request, "alerts.csv", CSV, lines, count=table.count)
    shown = table.rows.object_list[:1]
    context: dict[str, Any] = {"table": table, "subject": request.GET.get("subject", "")}
    context["subject_name"] = shown[0].name if context["subject"] and shown else context["subject"]
    return render(request, "alerts/history.html", context)


CSV = ["id", "severity", "rule", "subject", "device", "host", "service", "environment", "state", "started", "fired",
       "resolved", "peak", "words"]  # fmt: skip


def _line(row: Alert) -> list[Any]:
    moments = [moment.isoformat() if moment else "" for moment in (row.started, row.fired, row.resolved)]
    return [
        row.pk, row.severity, row.rule_name, row.name, row.device, row.host, row.service, row.environment, row.state,
        *moments, describe.value(row, row.peak), row.words,
    ]  # fmt: skip


@require_GET
def alert(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(request.actor, Alert.objects.select_related("rule"), pk=min(pk, 2**62))
    rule = Q(rule_name=row.rule_name) | (Q(rule=row.rule_id) if row.rule_id else Q())
    same = visible(request.actor, Alert).filter(rule, subject=row.subject, device=row.device)
    context = {
        "alert": row,
        "transitions": row.transitions.all(),
        "notifications": row.notifications.prefetch_related("deliveries__channel").order_by("pk"),
        "same": same.exclude(pk=row.pk).exclude(state=Alert.State.PENDING).order_by("-fired")[:10],
        "before": audited.searches(row),
        "may_silence": may_silence(request.actor, row.service, row.environment, row.team_id),
    }
    return render(request, "alerts/alert.html", context)
