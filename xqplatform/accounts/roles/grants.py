"""Verbs of grants: give a role to a person or a team, take it away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import AccessRequest, Grant, OwnRole, Team, User
from xqplatform.accounts.rights import require
from xqplatform.accounts.roles.builtin import BUILTIN
from xqplatform.accounts.roles.decide import EVERYWHERE, At, decide
from xqplatform.accounts.roles.foureyes import REPLAYS, Asked, carry
from xqplatform.accounts.roles.who import everybody
from xqplatform.errors import Refused

RIGHT = "roles.manage"
LAST = "people.manage", RIGHT  # somebody has these everywhere, always


def admins() -> set[int]:
    """Who may manage people and roles everywhere, without an end."""
    held = everybody(grants=Grant.objects.filter(until=None))
    return {user.pk for user, mine in held.items() if all(decide(mine, right, EVERYWHERE) for right in LAST)}


@contextmanager
def one_admin_stays(field: str | None = None) -> Iterator[None]:
    """Round a change, inside its transaction: raises Refused when it takes away the last admin.

    The locked rows make one change of the kind wait for the other, so that two cannot take away the last ones together.
    """
    list(User.objects.select_for_update().filter(is_active=True).order_by("pk").values_list("pk", flat=True))
    before = admins()
    yield
    if before and not admins():
        raise Refused(_("This is the last active admin; make another one first."), field)


def facts(grant: Grant) -> dict[str, Any]:
    found = {
        "to": str(grant.user.username if grant.user else grant.group.slug if grant.group else ""),
        "role": grant.role,
        "where": grant.where,
        "until": grant.until.isoformat() if grant.until else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def checked_role(slug: str) -> str:
    if slug not in BUILTIN and not OwnRole.objects.filter(slug=slug).exists():
        raise Refused(_("There is no such role."), "role", 400)
    return slug


def give(
    actor: Actor,
    role: str,
    *,
    user: User | None = None,
    group: Team | None = None,
    team: Team | None = None,
    environment: str = "",
    service: str = "",
    until: datetime | None = None,
    reason: str = "",
    second: AccessRequest | None = None,
) -> Grant:
    """The person, or everybody in the team `group`, has the role where team, environment and service say together (none: everywhere).

    Given a second time it stays, with the new end. Raises Denied, Refused, and Waits where a second person has to approve it.
    """
    at: At = {"team_id": team.pk if team else None, "environment": environment or None, "service": service or None}
    require(actor, RIGHT, **at, obj=user or group, extra={"role": role[:40]})
    if (user is None) == (group is None):
        raise Refused(_("Choose a person or a team."), "user", 400)
    if user is not None and not user.is_active:
        raise Refused(_("This account is deactivated."), "user")
    if until is not None and until <= timezone.now():
        raise Refused(_("That time is past: choose a later one."), "until", 400)
    checked_role(role)
    key = {"user": user, "group": group, "role": role, "team": team, "environment": environment, "service": service}

    def change() -> Grant:
        grant = Grant.objects.select_for_update().filter(**key).first()
        if grant is not None and grant.until == until:
            return grant
        if grant is None:
            grant = Grant(**key, created_name=actor.name)
        grant.until, grant.reason = until, reason.strip()[:300]
        with one_admin_stays("until"):
            grant.save()
        audit.record(actor, "grant.give", grant, parent=user or group, after=facts(grant), reason=reason)
        return grant

    data = {
        "role": role, "user": user and user.pk, "group": group and group.pk, "team": team and team.pk,
        "environment": environment, "service": service, "until": until.isoformat() if until else None, "reason": reason,
    }  # fmt: skip
    return carry(actor, Asked("grant", data, str(Grant(**key)), reason, second), change)


def _again(actor: Actor, data: dict[str, Any], second: AccessRequest) -> Grant:
    """What was asked, once more, if all of it is still there."""
    people, teams = User.objects.filter(pk=data["user"]).first(), Team.objects.in_bulk([data["group"], data["team"]])
    if any(data[key] is not None and data[key] not in teams for key in ("group", "team")):
        raise Refused(_("One of the teams does not exist any more."), "team")
    until = datetime.fromisoformat(data["until"]) if data["until"] else None
    more = {name: data[name] for name in ("environment", "service", "reason")}
    group, team = teams.get(data["group"]), teams.get(data["team"])
    return give(actor, data["role"], user=people, group=group, team=team, until=until, second=second, **more)


REPLAYS["grant"] = _again


def take(actor: Actor, grant: Grant, reason: str = "") -> None:
    """The role is not held by it from now on. Raises Denied, Refused for the last admin's."""
    at: At = {"team_id": grant.team_id, "environment": grant.environment or None, "service": grant.service or None}
    require(actor, RIGHT, **at, obj=grant.user or grant.group)
    with transaction.atomic():
        row = Grant.objects.select_for_update().filter(pk=grant.pk).first()
        if row is None:
            return
        audit.record(actor, "grant.take", row, parent=row.user or row.group, before=facts(row), reason=reason)
        with one_admin_stays():
            row.delete()
