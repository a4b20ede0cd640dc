"""Holdings in words: the chain from a person to a right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, OwnRole, Team
from xqplatform.accounts.roles.builtin import BUILTIN
from xqplatform.accounts.roles.decide import Held
from xqplatform.accounts.roles.foureyes import where
from xqplatform.accounts.visibility import hidden_names


@dataclass(frozen=True)
class Why:
    """One link between a person and a right. `grant`: its key, where it comes from one."""

    role: str
    title: str
    where: str
    chain: str
    grant: int | None


def grants_told(actor: Actor, rows: QuerySet[Grant]) -> QuerySet[Grant]:
    """Those of the grants that name nothing which is hidden from the actor."""
    return rows.exclude(service__in=hidden) if (hidden := hidden_names(actor)) else rows


class Words:
    """Looks names up once for a whole page. Holdings on services that are hidden from the actor are not told."""

    def __init__(self, actor: Actor) -> None:
        self.hidden = hidden_names(actor)
        self.teams: dict[int, str] = dict(Team.objects.values_list("pk", "slug"))
        self.titles = {slug: str(role.title) for slug, role in BUILTIN.items()}
        self.titles |= dict(OwnRole.objects.values_list("slug", "title"))
        self.grants = {grant.pk: grant for grant in Grant.objects.all()}

    def role(self, slug: str) -> str:
        return self.titles.get(slug, slug)

    def where(self, held: Held) -> str:
        return where(held.scope, self.teams) or _("everywhere")

    def why(self, held: Held) -> Why:
        return Why(held.role, self.role(held.role), self.where(held), self._chain(held), held.grant)

    def told(self, held: Iterable[Held]) -> list[Held]:
        return [one for one in held if one.scope.service not in self.hidden]

    def all(self, held: Iterable[Held]) -> list[Why]:
        return [self.why(one) for one in self.told(held)]

    def _chain(self, held: Held) -> str:
        grant = self.grants.get(held.grant) if held.grant is not None else None
        team = self.teams.get(held.member, "?") if held.member is not None else ""
        if grant is None:
            return _("base role, as a member of %(team)s") % {"team": team} if team else _("base role")
        words = {"n": grant.pk, "team": team, "who": grant.created_name or "–"}
        if team:
            return _("grant #%(n)d to the team %(team)s, by %(who)s") % words
        return _("grant #%(n)d to the person, by %(who)s") % words
