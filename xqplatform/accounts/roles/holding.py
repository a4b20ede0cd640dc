"""What somebody holds, from rows: the base role, memberships, grants of one's own and of one's teams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from xqplatform.accounts.models import Grant, Membership, OwnRole, Role
from xqplatform.accounts.roles.builtin import BUILTIN, EVERYWHERE
from xqplatform.accounts.roles.decide import Held, Scope, narrowed

if TYPE_CHECKING:
    from xqplatform.accounts.models import User


def held_by(user: User) -> tuple[Held, ...]:
    """Two queries, a third where an own role is among them. Nothing of who is deactivated."""
    if not user.is_active:
        return ()
    memberships = list(Membership.objects.filter(user=user))
    grants = list(standing().filter(Q(user=user) | Q(group__in=[one.team_id for one in memberships])))
    return tuple(from_rows(user, memberships, grants, rights_of_roles({one.role for one in grants})))


def standing() -> QuerySet[Grant]:
    """Grants that have not ended."""
    return Grant.objects.filter(Q(until=None) | Q(until__gt=timezone.now()))


def rights_of_roles(slugs: Iterable[str]) -> dict[str, frozenset[str]]:
    """Of each role its rights; of one that does not exist none."""
    found = {slug: BUILTIN[slug].rights for slug in slugs if slug in BUILTIN}
    if own := [slug for slug in slugs if slug not in BUILTIN]:
        found |= {row.slug: frozenset(row.rights) for row in OwnRole.objects.filter(slug__in=own)}
    return found


def from_rows(
    user: User, memberships: Iterable[Membership], grants: Iterable[Grant], rights: Mapping[str, frozenset[str]]
) -> Iterable[Held]:
    """The holdings of an active person. A team's grant reaches a member only in the environments that are the member's there."""
    if user.role in EVERYWHERE:
        yield Held(user.role, BUILTIN[user.role].rights)
    member = {one.team_id: one.environments for one in memberships}
    if user.role == Role.DEVELOPER:
        for team, environments in member.items():
            for scope in narrowed(Scope(team=team), environments):
                yield Held(Role.DEVELOPER, BUILTIN[Role.DEVELOPER].rights, scope, member=team)
    for grant in grants:
        scope = Scope(grant.team_id, grant.environment or None, grant.service or None)
        limits = member[grant.group_id] if grant.group_id is not None else []
        for part in narrowed(scope, limits):
            yield Held(grant.role, rights.get(grant.role, frozenset()), part, grant.pk, grant.group_id, grant.until)
