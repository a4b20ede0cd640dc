"""Approvals on a release's page, and the list of what waits for one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from containers.guardrails import approvals
from containers.guardrails.rules import rules_of
from containers.models import Approval, Deployment
from containers.views.access import actor_of, get_deployment, reason_of
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

VERBS = {"approve": approvals.approve, "withdraw": approvals.withdraw}


def card(actor: Actor, row: Deployment) -> dict[str, Any] | None:
    """What a release's page shows of its approvals; None where there is nothing to show."""
    asked = rules_of(row.place.environment).approvals
    given: list[Approval] = list(row.approvals.order_by("id"))
    open_ = row.state == Deployment.State.WAITING or row.is_active
    if not given and (not asked.count or row.state != Deployment.State.WAITING):
        return None
    mine = approvals.standing(row, actor)
    why_not = approvals.may_approve(actor, row) if open_ else ""
    return {
        "needs": approvals.needs_words(asked) if asked.count and open_ else "",
        "lacks": approvals.lacks(row) if row.state == Deployment.State.WAITING else 0,
        "given": given,
        "mine": mine if open_ else None,
        "may": open_ and not why_not and mine is None,
        "why_not": why_not if mine is None else "",
    }


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "containers/approvals.html", {"rows": approvals.waiting_for(actor_of(request))})


@require_POST
def answer(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    row = get_deployment(actor_of(request), int(number))
    try:
        VERBS[verb](actor_of(request), row, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("containers:release", row.pk)
