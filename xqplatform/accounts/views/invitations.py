"""Invitations: the list for who manages people, and the page that a link leads to."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts import invitations as verbs
from xqplatform.accounts.forms import AcceptForm, InvitationForm
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Invitation
from xqplatform.accounts.places import environments
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table


def _in_state(rows: QuerySet[Invitation], state: str) -> QuerySet[Invitation]:
    now = timezone.now()
    if state == "accepted":
        return rows.exclude(accepted=None)
    if state == "withdrawn":
        return rows.filter(accepted=None).exclude(withdrawn=None)
    waiting = rows.filter(accepted=None, withdrawn=None)
    return waiting.filter(expires__gt=now) if state == "waiting" else waiting.filter(expires__lte=now)


def _address(request: HttpRequest, token: str) -> str:
    path = reverse("accounts:invitation", args=[token])
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)


def _page(
    request: ActorRequest, form: InvitationForm | None = None, token: str = "", status: int = 200
) -> HttpResponse:
    states = [("waiting", _("waiting")), ("expired", _("expired")), ("accepted", _("accepted"))]
    states.append(("withdrawn", _("withdrawn")))
    table = Table(
        request,
        Invitation.objects.select_related("person"),
        search=["username", "display_name", "email"],
        sorts={"name": "username", "created": "created", "expires": "expires"},
        default="-created",
        filters={"state": Filter(_("State"), states, _in_state)},
    )
    context: dict[str, Any] = {
        "form": form or InvitationForm(environments=environments()),
        "table": table,
        "address": _address(request, token) if token else "",
    }
    return render(request, "accounts/invitations.html", context, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
def invitations(request: ActorRequest) -> HttpResponse:
    require(request.actor, verbs.RIGHT)
    if request.method == "GET":
        return _page(request)
    form = InvitationForm(request.POST, environments=environments())
    if form.is_valid():
        data = form.cleaned_data
        try:
            _row, token = verbs.invite(
                request.actor,
                data["username"],
                role=data["role"],
                display_name=data["display_name"],
                email=data.get("email", ""),
                teams=form.chosen_teams(),
                days=data["days"],
            )
            return _page(request, token=token)
        except Refused as refusal:
            put_refusal(form, refusal)
    return _page(request, form, status=400)


@never_cache
@require_POST
def invitation_renew(request: ActorRequest, pk: int) -> HttpResponse:
    _row, token = verbs.renew(request.actor, get_object_or_404(Invitation, pk=pk))
    return _page(request, token=token)


@require_POST
def invitation_withdraw(request: ActorRequest, pk: int) -> HttpResponse:
    row = verbs.withdraw(request.actor, get_object_or_404(Invitation, pk=pk))
    messages.success(request, _("The invitation of %(name)s is withdrawn: its link is dead.") % {"name": row.username})
    return redirect("accounts:invitations")


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: ActorRequest, token: str) -> HttpResponse:
    """Where the link leads: whoever has it chooses a password, once."""
    row = verbs.find(token)
    if row is None:
        return render(request, "accounts/invitation.html", {"row": None}, status=404)
    form = AcceptForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            user = verbs.accept(request.actor, token, form.cleaned_data["password"])
            text = _("Welcome, %(name)s. Sign in as «%(username)s» with the password you have just chosen.")
            messages.success(request, text % {"name": user, "username": user.username})
            return redirect("accounts:login")
        except Refused as refusal:
            put_refusal(form, refusal)
    status = 400 if form.errors else 200
    return render(request, "accounts/invitation.html", {"row": row, "form": form}, status=status)
