"""What scorecard and cost are asked for in the same way: of which environment, team and services, over how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from containers.models import Environment, ServiceEnvironment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Places:
    """`environment`, `team`: names; `q`: words of a service's name. Empty: all."""

    environment: str = ""
    team: str = ""
    q: str = ""

    def rows(self, actor: Actor) -> QuerySet[ServiceEnvironment]:
        """What the reader may see of it; removed services, too: what they did, and what they cost, is done."""
        rows = visible(actor, ServiceEnvironment)
        if self.environment:
            rows = rows.filter(environment__slug=self.environment)
        if self.team:
            rows = rows.filter(service__team__slug=self.team)
        for word in self.q.split():
            rows = rows.filter(service__slug__icontains=word)
        return rows


def given(data: Mapping[str, Any], name: str, ranges: Mapping[str, Any], refusal: str) -> dict[str, str]:
    """The texts of these fields; of `name` one of the ranges, or empty. Raises Refused with the field (`refusal`: of another range)."""
    found = {key: str(data.get(key) or "").strip() for key in ("environment", "team", "q", name)}
    for key, value in found.items():
        if "\0" in value or len(value) > LONGEST:
            raise Refused(_("That is no name."), key, 400)
    if found[name] and found[name] not in ranges:
        raise Refused(refusal, name, 400)
    if found["environment"] and not Environment.objects.filter(slug=found["environment"]).exists():
        raise Refused(_("There is no such environment."), "environment", 404)
    return found


def team_choices(actor: Actor) -> list[tuple[str, str]]:
    """Teams whose services the reader may see."""
    teams = visible(actor, ServiceEnvironment).values("service__team")
    return [(team.slug, str(team)) for team in Team.objects.filter(pk__in=teams).order_by("slug")]
