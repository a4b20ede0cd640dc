"""Service accounts: the list, apart from people, and each with its tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts import leaving
from xqplatform.accounts import service_accounts as verbs
from xqplatform.accounts import tokens as token_verbs
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Team, Token, User
from xqplatform.accounts.places import environments
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles.foureyes import Waits
from xqplatform.accounts.token_forms import ServiceAccountForm, TokenForm
from xqplatform.accounts.views.tokens import SOON, scope_words
from xqplatform.errors import Refused
from xqplatform.web.tables import Table


def _teams(request: ActorRequest) -> list[Team]:
    """Those whose programs the person may make."""
    return [team for team in Team.objects.all() if can(request.actor, verbs.RIGHT, team_id=team.pk)]


@require_http_methods(["GET", "POST"])
def service_accounts(request: ActorRequest) -> HttpResponse:
    teams, every = _teams(request), can(request.actor, "people.manage")
    form = ServiceAccountForm(request.POST if request.method == "POST" else None, teams=teams, every=every)
    if request.method == "POST":
        if not teams:
            require(request.actor, verbs.RIGHT)
        if form.is_valid():
            data = form.cleaned_data
            team = next(one for one in teams if one.slug == data["team"])
            try:
                made = verbs.create(
                    request.actor, data["username"], team, display_name=data["display_name"], role=data["role"]
                )
                messages.success(request, _("The service account is there. Make a token for it here."))
                return redirect("accounts:service_account", pk=made.pk)
            except Waits as waits:  # it may something in production, by its team's grants
                messages.info(request, waits.message)
                return redirect("accounts:access_requests")
            except Refused as refusal:
                put_refusal(form, refusal)
    works = Q(tokens__revoked=None)
    table = Table(
        request,
        User.objects.filter(service_account=True)
        .prefetch_related("memberships__team")
        .annotate(token_count=Count("tokens", filter=works), used=Max("tokens__last_used")),
        search=["username", "display_name", "teams__slug"],
        sorts={"name": "username", "used": "used", "tokens": "token_count"},
        default="name",
    )
    context = {"form": form, "table": table, "may": bool(teams)}
    return render(request, "accounts/service_accounts.html", context, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def service_account(request: ActorRequest, pk: int) -> HttpResponse:
    """One, with its tokens; POST makes another token."""
    user = get_object_or_404(User, pk=pk, service_account=True)
    member = user.memberships.select_related("team").first()
    team = member.team if member is not None else None
    may = can(request.actor, verbs.RIGHT, team_id=team.pk if team else None)
    never = can(request.actor, verbs.RIGHT)
    form = TokenForm(request.POST if request.method == "POST" else None, environments=environments(), never=never)
    raw = ""
    if request.method == "POST":
        require(request.actor, verbs.RIGHT, team_id=team.pk if team else None, obj=user)
        if form.is_valid():
            try:
                _token, raw = token_verbs.create_token(request.actor, user, **form.values())
                form = TokenForm(environments=environments(), never=never)
            except Refused as refusal:
                put_refusal(form, refusal)
    teams = {one.pk: str(one) for one in Team.objects.all()}
    shown = [(token, scope_words(token, teams)) for token in Token.objects.select_related("user").filter(user=user)]
    context: dict[str, Any] = {
        "account": user,
        "team": team,
        "may": may,
        "revokes": may,
        "form": form,
        "raw": raw,
        "shown": shown,
    }
    context |= {"soon": timezone.now() + SOON, "ends": leaving.what_ends(user) if may else []}
    return render(request, "accounts/service_account.html", context, status=400 if form.errors else 200)


@require_POST
def service_account_active(request: ActorRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk, service_account=True)
    try:
        verbs.set_active(request.actor, user, active=request.POST.get("active") == "1")
        messages.success(request, _("Saved."))
    except Waits as waits:
        messages.info(request, waits.message)
        return redirect("accounts:access_requests")
    return redirect("accounts:service_account", pk=pk)
