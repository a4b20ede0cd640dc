"""The one question: may this actor do this to that?

A right is held through a role: the base role (a developer's in the own teams, in the environments that the membership allows; an
SRE's, manager's, auditor's, admin's everywhere), or a grant of a role to the person or to one of their teams, with a scope. The
decision is `roles.decide`, rights are in `catalogue`, built-in roles in `roles.builtin`.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.catalogue import CATALOGUE, OF_EVERYBODY, READ
from xqplatform.accounts.models import Membership
from xqplatform.accounts.roles.decide import Scope, decide, reaches
from xqplatform.errors import Denied

RIGHTS = frozenset(CATALOGUE)

__all__ = ["READ", "RIGHTS", "can", "has_role", "require", "somewhere", "visible_teams"]


def can(
    actor: Actor,
    right: str,
    *,
    team_id: int | None = None,
    environment: str | None = None,
    service: str | None = None,
) -> bool:
    """Whether the actor has the right there. Reads rows once an actor. Raises KeyError for an unknown right."""
    if right not in RIGHTS:
        raise KeyError(right)
    if actor.scopes is not None and not actor.scopes.allows(right, team_id, environment, service):
        return False
    if actor.is_system:
        return True
    if actor.user is None or not actor.user.is_active:
        return False
    return right in OF_EVERYBODY or decide(actor.held, right, Scope(team_id, environment, service)) is not None


def somewhere(actor: Actor, right: str, *, team_id: int | None = None, service: str | None = None) -> bool:
    """Whether the actor has the right in some environment of that; with nothing named: anywhere at all. For showing buttons."""
    if can(actor, right, team_id=team_id, service=service):
        return True
    scopes = [one.scope for one in actor.held if right in one.rights]
    if team_id is None and service is None:
        places = [(one.team, one.environment, one.service) for one in scopes]
    else:
        places = [(team_id, one.environment, service) for one in scopes]
    return any(can(actor, right, team_id=t, environment=e, service=s) for t, e, s in places)


def has_role(
    actor: Actor,
    role: str,
    *,
    team_id: int | None = None,
    environment: str | None = None,
    service: str | None = None,
) -> bool:
    """Whether the role is the actor's base role, or one that holds there. For rules that name a role («approved by an SRE»)."""
    if actor.user is None or not actor.user.is_active:
        return False
    asked = Scope(team_id, environment, service)
    return actor.user.role == role or any(one.role == role and reaches(one.scope, asked) for one in actor.held)


def require(
    actor: Actor,
    right: str,
    *,
    team_id: int | None = None,
    environment: str | None = None,
    service: str | None = None,
    obj: Model | None = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Raises Denied, and records the attempt as an event, when the actor lacks the right.

    Call it before the verb's own transaction: the event must stay when the verb is left by the exception.
    """
    if can(actor, right, team_id=team_id, environment=environment, service=service):
        return
    from xqplatform import audit

    audit.record(actor, right, obj, denied=True, after=extra)
    raise Denied(
        _("%(who)s may not do this (%(right)s%(where)s). Ask an SRE or the owning team.")
        % {"who": actor.name, "right": right, "where": f", {environment}" if environment else ""}
    )


def visible_teams(actor: Actor) -> list[int]:
    """Primary keys of the teams that the person belongs to."""
    if actor.user is None:
        return []
    return list(Membership.objects.filter(user=actor.user).values_list("team_id", flat=True))
