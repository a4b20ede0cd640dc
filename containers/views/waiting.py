"""Releases that begin later: the choice on the wizard's last page, the queue, and its order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from containers.forms.waiting import WhenForm
from containers.guardrails.verdict import Verdict
from containers.models import ServiceEnvironment
from containers.plan import Plan
from containers.services import waiting
from containers.views.access import actor_of, get_deployment, reason_of
from containers.waiting_words import Line, lines
from xqplatform.errors import Refused

BY = {"sooner": -1, "later": 1}


def queue_of(place: ServiceEnvironment) -> list[Line]:
    return lines([place])[place.pk]


class When:
    """The plan page's choice: what can be chosen, and what is chosen unless somebody says otherwise."""

    def __init__(self, place: ServiceEnvironment, plan: Plan | None, form: WhenForm | None) -> None:
        verdict = Verdict(plan.guards if plan is not None else ())
        self.queue = queue_of(place)
        self.active = place.active
        self.can_wait = waiting.can_wait(verdict)
        self.approved = any(check.name == "approvals" for check in verdict.checks)
        self.frozen = not verdict.passes and self.can_wait
        self.must_wait = self.active is not None or self.frozen
        self.error = form.errors.get("at", [""])[0] if form is not None and form.is_bound else ""
        typed = form.data if form is not None and form.is_bound else {}
        self.chosen = typed.get("when") or ("queue" if self.must_wait else "now")
        self.at = typed.get("at") or _proposed(verdict.until if self.frozen else None)
        self.zone = timezone.get_current_timezone_name()


def _proposed(until: float | None) -> str:
    """A freeze's end, for the field; else nothing."""
    if until is None:
        return ""
    return timezone.localtime(datetime.fromtimestamp(until, UTC)).strftime("%Y-%m-%dT%H:%M")


@require_POST
def move(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Sooner or later in the queue of its place."""
    row = get_deployment(actor_of(request), int(number))
    try:
        waiting.move(actor_of(request), row, BY[verb], reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    return _back(request, row.pk)


def _back(request: HttpRequest, number: int) -> HttpResponse:
    to: Any = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(to, allowed_hosts=None) and to.startswith("/"):
        return redirect(to)
    return redirect("containers:release", number)
