"""Requests for more rights in production: those that wait, those of the past, and when they are needed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from xqplatform.accounts.catalogue import CATALOGUE
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.models import AccessPolicy, AccessRequest
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles import foureyes
from xqplatform.accounts.roles.forms import PolicyForm
from xqplatform.errors import Refused

MOST_SHOWN = 60  # gains of one request


@require_GET
def requests(request: ActorRequest) -> HttpResponse:
    """Who may approve or manage roles sees all, everybody else their own."""
    rows = AccessRequest.objects.all()
    approves = can(request.actor, foureyes.APPROVE)
    if not approves and not can(request.actor, "audit.read"):
        rows = rows.filter(asked_by=request.user)
    state = AccessRequest.State.PENDING
    policy = AccessPolicy.objects.filter(pk=1).first() or AccessPolicy()
    context = {
        "pending": [
            (row, _gains(row), foureyes.why_not(request.actor, row), row.asked_by_id == request.user.pk or approves)
            for row in rows.filter(state=state)[:200]
        ],
        "past": rows.exclude(state=state)[:50],
        "form": PolicyForm(initial={"four_eyes": policy.four_eyes, "hours": policy.hours}),
        "may": can(request.actor, "roles.manage"),
    }
    return render(request, "accounts/roles/requests.html", context)


def _gains(row: AccessRequest) -> list[tuple[dict[str, str], Any]]:
    """What it gives, each with the sentence of the right (a right of the past has none)."""
    return [(one, CATALOGUE[one["right"]].text if one["right"] in CATALOGUE else "") for one in row.diff[:MOST_SHOWN]]


@require_POST
def decide(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(AccessRequest, pk=pk)
    verb = foureyes.approve if request.POST.get("do") == "approve" else foureyes.decline
    try:
        verb(request.actor, row, request.POST.get("comment", ""))
        messages.success(request, _("Done."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("accounts:access_requests")


@require_POST
def policy(request: ActorRequest) -> HttpResponse:
    require(request.actor, "roles.manage")
    form = PolicyForm(request.POST)
    if not form.is_valid():
        raise Refused(_("From 1 to 720 hours."), "hours", 400)
    try:
        foureyes.set_policy(request.actor, form.cleaned_data["four_eyes"], form.cleaned_data["hours"])
        messages.success(request, _("Saved."))
    except foureyes.Waits as waits:
        messages.info(request, waits.message)
    return redirect("accounts:access_requests")
