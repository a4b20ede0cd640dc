"""Requests for more rights in production: those that wait, those of the past, and when they are needed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.models import AccessPolicy, AccessRequest
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles import foureyes
from xqplatform.accounts.roles.forms import PolicyForm
from xqplatform.errors import Refused


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
            (row, foureyes.why_not(request.actor, row), row.asked_by_id == request.user.pk or approves)
            for row in rows.filter(state=state)[:200]
        ],
        "past": rows.exclude(state=state)[:50],
        "form": PolicyForm(initial={"four_eyes": policy.four_eyes, "hours": policy.hours}),
        "may": can(request.actor, "roles.manage"),
    }
    return render(request, "accounts/roles/requests.html", context)


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
