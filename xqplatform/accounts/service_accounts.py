"""Service accounts: programs of a team. They have tokens and grants as people do, and never sign in."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import AccessRequest, Role, Team, User
from xqplatform.accounts.rights import require
from xqplatform.accounts.roles.foureyes import REPLAYS, Asked, carry
from xqplatform.errors import Refused

RIGHT = "service_account.manage"
ROLES = (Role.READER, Role.DEVELOPER)


def create(
    actor: Actor,
    username: str,
    team: Team,
    *,
    display_name: str = "",
    role: str = Role.READER,
    second: AccessRequest | None = None,
) -> User:
    """A program of a team. As a reader it may what the team was granted, and what it is granted itself; as a developer what the
    team's may, which only who manages people gives: nobody makes a program that may more than its maker. One that may something
    in production waits as a whole for a second person. Raises Denied, Refused, Waits.
    """
    require(actor, RIGHT, team_id=team.pk, extra={"username": username[:150].replace("\0", "")})
    if role not in ROLES:
        raise Refused(_("There is no such role."), "role", 400)
    if role != Role.READER:
        require(actor, "people.manage", extra={"username": username[:150].replace("\0", "")})
    username, display_name = services.checked_username(username), display_name.strip()[:120]

    def change() -> User:
        user = User(username=username, display_name=display_name, role=role, service_account=True)
        user.set_unusable_password()
        user.save()
        user.memberships.create(team=team)
        audit.record(actor, "service_account.create", user, after={"team": team.slug, "role": role})
        return user

    data = {"username": username, "team": team.pk, "display_name": display_name, "role": role}
    words = _("The service account «%(name)s» of %(team)s") % {"name": username, "team": team}
    try:
        return carry(actor, Asked("program", data, words, "", second), change)
    except IntegrityError:
        raise Refused(_("This name is taken."), "username") from None


def _create_again(actor: Actor, data: dict[str, Any], second: AccessRequest) -> User:
    team = Team.objects.filter(pk=data["team"]).first()
    if team is None:
        raise Refused(_("The team does not exist any more."))
    more = {name: data[name] for name in ("display_name", "role")}
    return create(actor, data["username"], team, second=second, **more)


def set_active(actor: Actor, user: User, *, active: bool, second: AccessRequest | None = None) -> User:
    """Whether its tokens work. One that comes back with rights in production waits for a second person. Raises as `create`."""
    teams = {member.team_id: member.environments for member in user.memberships.all()}
    require(actor, RIGHT, team_id=next(iter(teams), None), obj=user)
    words = _("The service account «%(name)s» is active again") % {"name": user.username}
    asked = Asked("revive", {"user": user.pk, "active": active}, words, "", second)

    def change() -> User:
        return services.write_person(
            actor, user, role=user.role, display_name=user.display_name, active=active, teams=teams
        )

    return carry(actor, asked, change)


def _active_again(actor: Actor, data: dict[str, Any], second: AccessRequest) -> User:
    user = User.objects.filter(pk=data["user"], service_account=True).first()
    if user is None:
        raise Refused(_("This service account does not exist any more."))
    return set_active(actor, user, active=data["active"], second=second)


REPLAYS["program"] = _create_again
REPLAYS["revive"] = _active_again
