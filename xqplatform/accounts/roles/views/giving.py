"""Giving a role to a person or a team, and taking it away."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts.catalogue import REACH
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Grant
from xqplatform.accounts.rights import require, somewhere
from xqplatform.accounts.roles import grants as verbs
from xqplatform.accounts.roles.forms import GrantForm
from xqplatform.accounts.roles.foureyes import Waits
from xqplatform.errors import Refused

PREFILLED = ("user", "group", "role", "team", "service", "environment")


def _back(request: ActorRequest, grant: Grant) -> HttpResponse:
    """To the page that the form was on, else to whom it is about."""
    came = request.POST.get("next", "")
    safe = came.startswith("/") and url_has_allowed_host_and_scheme(came, {request.get_host()}, request.is_secure())
    return redirect(came) if safe else _home(grant)


def _home(grant: Grant) -> HttpResponse:
    if grant.user_id is not None:
        return redirect("accounts:person_rights", pk=grant.user_id)
    return redirect("accounts:team", pk=grant.group_id)


@require_http_methods(["GET", "POST"])
def give(request: ActorRequest) -> HttpResponse:
    if not somewhere(request.actor, verbs.RIGHT):
        require(request.actor, verbs.RIGHT)
    initial = {name: request.GET[name] for name in PREFILLED if request.GET.get(name)}
    form = GrantForm(request.POST if request.method == "POST" else None, initial=initial, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            grant = verbs.give(request.actor, **form.cleaned_data)
        except Waits as waits:
            messages.info(request, waits.message)
            return redirect("accounts:access_requests")
        except Refused as refusal:
            put_refusal(form, refusal)
        else:
            messages.success(request, _("Given."))
            return _back(request, grant)
    return render(
        request, "accounts/roles/give.html", {"form": form, "reach": REACH}, status=400 if form.errors else 200
    )


@require_POST
def take(request: ActorRequest, pk: int) -> HttpResponse:
    grant = get_object_or_404(Grant.objects.select_related("user", "group", "team"), pk=pk)
    home = _home(grant)
    try:
        verbs.take(request.actor, grant)
        messages.success(request, _("Taken away."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return home
