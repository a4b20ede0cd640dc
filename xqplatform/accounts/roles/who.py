"""«Who may do this there, and why?»: everybody's holdings at once, in five queries however many people there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import QuerySet

from xqplatform.accounts.catalogue import OF_EVERYBODY
from xqplatform.accounts.models import Grant, Membership, User
from xqplatform.accounts.roles.asked import asked
from xqplatform.accounts.roles.decide import Held, Scope, reasons
from xqplatform.accounts.roles.holding import from_rows, rights_of_roles, standing

# What is asked about the project of the service of this name; the app that has services fills it.
PROJECTS: list[Callable[[str], Scope | None]] = []


@dataclass(frozen=True)
class Holder:
    user: User
    why: tuple[Held, ...]  # empty: it is a right that everybody has


def everybody(
    people: QuerySet[User] | None = None, grants: QuerySet[Grant] | None = None
) -> dict[User, tuple[Held, ...]]:
    """Holdings of all active people, or of those asked about; by all grants that have not ended, or by those given."""
    people = User.objects.all() if people is None else people
    members: dict[int, list[Membership]] = defaultdict(list)
    for membership in Membership.objects.all():
        members[membership.user_id].append(membership)
    own: dict[int, list[Grant]] = defaultdict(list)
    of_teams: dict[int, list[Grant]] = defaultdict(list)
    roles = set()
    for grant in standing() if grants is None else grants:
        roles.add(grant.role)
        if grant.user_id is not None:
            own[grant.user_id].append(grant)
        elif grant.group_id is not None:
            of_teams[grant.group_id].append(grant)
    rights = rights_of_roles(roles)
    found = {}
    for user in people.filter(is_active=True).order_by("username"):
        mine = members[user.pk]
        theirs = [*own[user.pk], *(grant for one in mine for grant in of_teams[one.team_id])]
        found[user] = tuple(from_rows(user, mine, theirs, rights))
    return found


def holders(
    right: str, *, team_id: int | None = None, environment: str | None = None, service: str | None = None
) -> list[Holder]:
    """Active people who have the right there, each with all that gives it to them. Raises KeyError for an unknown right."""
    project = next((one(service) for one in PROJECTS), None) if service is not None else None
    scope = asked(right, Scope(team_id, environment, service), project)
    if right in OF_EVERYBODY:
        return [Holder(user, ()) for user in everybody()]
    found = ((user, tuple(reasons(held, right, scope))) for user, held in everybody().items())
    return [Holder(user, why) for user, why in found if why]
