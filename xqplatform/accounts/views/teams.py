"""Teams: who owns what."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xqplatform.accounts import services
from xqplatform.accounts.forms import TeamForm
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.models import Grant, Team
from xqplatform.accounts.rights import can, require, somewhere
from xqplatform.accounts.roles.here import with_ends
from xqplatform.accounts.visibility import hidden
from xqplatform.errors import Refused
from xqplatform.web.tables import Table


@require_GET
def teams(request: ActorRequest) -> HttpResponse:
    rows = Team.objects.annotate(
        people_count=Count("memberships", distinct=True), services_count=Count("services", distinct=True)
    )
    unseen = hidden(request.actor)
    table = Table(
        request,
        rows,
        search=["slug", "title"],
        sorts={"name": "slug", "people": "people_count"} | ({} if unseen else {"services": "services_count"}),
        default="name",
    )
    context = {"table": table, "may": can(request.actor, "people.manage"), "unseen": unseen}
    return render(request, "accounts/teams.html", context)


@require_http_methods(["GET", "POST"])
def team_new(request: ActorRequest) -> HttpResponse:
    require(request.actor, "people.manage")
    form = TeamForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.create_team(request.actor, **form.cleaned_data)
            messages.success(request, _("The team is there; add people to it on their pages."))
            return redirect("accounts:teams")
        except Refused as refusal:
            put_refusal(form, refusal)
    status = 400 if request.method == "POST" else 200
    return render(request, "accounts/team.html", {"form": form, "team": None, "may": True}, status=status)


@require_http_methods(["GET", "POST"])
def team(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Team, pk=pk)
    form = TeamForm(request.POST if request.method == "POST" else None, initial={"slug": row.slug, "title": row.title})
    if request.method == "POST":
        require(request.actor, "people.manage", obj=row)
        if form.is_valid():
            try:
                services.change_team(request.actor, row, **form.cleaned_data)
                messages.success(request, _("Saved."))
                return redirect("accounts:team", pk=row.pk)
            except Refused as refusal:
                put_refusal(form, refusal)
    grants = Grant.objects.filter(Q(group=row) | Q(team=row))
    context = {
        "form": form,
        "team": row,
        "may": can(request.actor, "people.manage"),
        "grants": with_ends(request.actor, grants),
        "may_give": somewhere(request.actor, "roles.manage", team_id=row.pk),
        "memberships": row.memberships.select_related("user").order_by("user__username"),
    }
    return render(request, "accounts/team.html", context, status=400 if form.errors else 200)


@require_POST
def team_visibility(request: ActorRequest, pk: int) -> HttpResponse:
    row = services.close_team(request.actor, get_object_or_404(Team, pk=pk), request.POST.get("closed") == "1")
    messages.success(
        request,
        _("Only its people see now what the team owns.") if row.closed else _("Everybody sees now what the team owns."),
    )
    return redirect("accounts:team", pk=row.pk)


@require_POST
def team_remove(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Team, pk=pk)
    services.remove_team(request.actor, row)
    messages.success(request, _("The team is removed."))
    return redirect("accounts:teams")
