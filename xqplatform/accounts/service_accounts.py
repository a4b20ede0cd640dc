"""Service accounts: programs of a team. They have tokens and grants as people do, and never sign in."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Role, Team, User
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

RIGHT = "service_account.manage"
ROLES = (Role.READER, Role.DEVELOPER)


def create(actor: Actor, username: str, team: Team, *, display_name: str = "", role: str = Role.READER) -> User:
    """A program of a team. As a reader it may nothing until it is granted something; as a developer what the team's may,
    which only who manages people gives: nobody makes a program that may more than its maker. Raises Denied, Refused.
    """
    require(actor, RIGHT, team_id=team.pk, extra={"username": username[:150].replace("\0", "")})
    if role not in ROLES:
        raise Refused(_("There is no such role."), "role", 400)
    if role != Role.READER:
        require(actor, "people.manage", extra={"username": username[:150].replace("\0", "")})
    username = services.checked_username(username)
    user = User(username=username, display_name=display_name.strip()[:120], role=role, service_account=True)
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
            user.memberships.create(team=team)
            audit.record(actor, "service_account.create", user, after={"team": team.slug, "role": role})
    except IntegrityError:
        raise Refused(_("This name is taken."), "username") from None
    return user
