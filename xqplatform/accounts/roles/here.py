"""«Who may what here»: the grants that name a service or an environment, and what the reader may do about them."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant
from xqplatform.accounts.rights import can, somewhere
from xqplatform.accounts.roles.forms import GrantForm
from xqplatform.accounts.roles.foureyes import production
from xqplatform.accounts.roles.grants import RIGHT
from xqplatform.accounts.roles.words import grants_told

SHOWN = 50


def with_ends(actor: Actor, rows: QuerySet[Grant]) -> list[tuple[Grant, bool]]:
    """Those of the grants that the actor may know of, each with whether they may take it away."""
    return [
        (
            one,
            can(actor, RIGHT, team_id=one.team_id, environment=one.environment or None, service=one.service or None),
        )
        for one in grants_told(actor, rows.select_related("user", "group", "team"))[:SHOWN]
    ]


def of_service(actor: Actor, slug: str, team_id: int | None, environments: list[str]) -> dict[str, Any]:
    """For the service's page: grants on it, and on all of its team's; `asks`: environments to ask «who can release?» of,
    those of production first.
    """
    named = Q(service=slug) | (Q(team=team_id, service="") if team_id is not None else Q(pk=None))
    may, first = somewhere(actor, RIGHT, team_id=team_id, service=slug), production()
    return {
        "grants": with_ends(actor, Grant.objects.filter(named)),
        "asks": sorted(environments, key=lambda one: one not in first),
        "service": slug,
        "form": GrantForm(actor=actor, initial={"service": slug}, auto_id="grant_%s") if may else None,
    }


def of_environment(actor: Actor, slug: str) -> dict[str, Any]:
    """For the environment's page."""
    may = can(actor, RIGHT, environment=slug)
    return {
        "grants": with_ends(actor, Grant.objects.filter(environment=slug)),
        "asks": [slug],
        "environment": slug,
        "form": GrantForm(actor=actor, initial={"environment": slug}, auto_id="grant_%s") if may else None,
    }
