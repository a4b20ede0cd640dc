"""Secrets of a service, of a team and of the company: names, ages and use; no value is shown to anybody."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from containers import secret_company, secret_list
from containers.reading import places
from containers.views.access import get_service
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.models import Team
from xqplatform.accounts.visibility import visible
from xqplatform.secrets.masking import SHORTEST

COMPANY = "-"  # in the place of a team, whose slugs never are this


@require_GET
def of_service(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    service = get_service(actor, slug)
    found = secret_list.of_places(visible(actor, places().filter(service=service)))
    context: dict[str, Any] = {"service": service, "places": found, "shortest": SHORTEST}
    return render(request, "containers/secrets.html", context)


@require_GET
def of_team(request: HttpRequest) -> HttpResponse:
    """All of a team's, or of the company: the longest unchanged first."""
    actor, now = actor_of(request), timezone.now()
    teams, company = secret_list.teams(actor), secret_company.may_see(actor)
    team = _team(actor, teams, request.GET.get("team", ""), company)
    rows = secret_list.of_team(actor, team) if team else secret_company.rows(actor) if company else []
    rows.sort(key=lambda row: (row.changed is not None, row.changed or now, row.of, row.name))
    days = settings.SECRET_OLD_DAYS
    shown = [(row, row.old(now, days)) for row in rows]
    context: dict[str, Any] = {
        "teams": teams,
        "team": team,
        "company": company,
        "days": days,
        "old": sum(old for _row, old in shown),
        "all": len(shown),
        "rows": [one for one in shown if one[1]] if request.GET.get("old") == "1" else shown,
    }
    return render(request, "containers/secret_list.html", context)


def _team(actor: Actor, teams: list[Team], slug: str, company: bool) -> Team | None:
    """The team that is asked for, else the actor's own or the first; None: the company's. Raises Http404."""
    if slug and not (slug == COMPANY and company):
        found = next((one for one in teams if one.slug == slug), None)
        if found is None:
            raise Http404
        return found
    if slug:
        return None
    mine = set(actor.user.teams.values_list("pk", flat=True)) if actor.user else set()
    return next((one for one in teams if one.pk in mine), teams[0] if teams else None)
