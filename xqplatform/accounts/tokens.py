"""Verbs about tokens of the API: made with an end and a scope, shown once, revoked at any time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts import places
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, Token, User
from xqplatform.accounts.rights import RIGHTS, can, require
from xqplatform.accounts.roles.instead import require_as_much
from xqplatform.accounts.scopes import Scopes
from xqplatform.errors import Denied, Refused

DAYS, MOST_DAYS = 90, 365
NOTED = timedelta(minutes=1)  # a use is noted at most so often
RIGHT = "token.manage"
OF_SERVICES = "service_account.manage"
READS = frozenset({"GET", "HEAD", "OPTIONS"})


def create_token(
    actor: Actor,
    user: User,
    label: str,
    *,
    days: int = DAYS,
    rights: Sequence[str] | None = None,
    team: str = "",
    environments: Sequence[str] = (),
    services: Sequence[str] = (),
) -> tuple[Token, str]:
    """A bearer token of the API and its text, which is shown once. For oneself, or for others by who may.

    `days` 0: it never ends, which only a service account's may. `rights` None: all that the person has; `team`, `environments`,
    `services`: names, empty for all. Raises Denied, Refused.
    """
    _may(actor, user)
    label = label.replace("\0", "").strip()
    if not label:
        raise Refused(_("Say what the token is for."), "label", 400)
    if len(label) > 120:
        raise Refused(_("At most 120 characters."), "label", 400)
    if not user.is_active:
        raise Refused(_("This account is deactivated."))
    if not days and user.service_account and can(actor, OF_SERVICES):
        days = 0  # never: only for programs, and by who manages those of all teams
    elif not 1 <= days <= MOST_DAYS:
        raise Refused(_("A token lasts from 1 to %(n)d days.") % {"n": MOST_DAYS}, "days", 400)
    scopes = _scopes(actor, rights, team, environments, services)
    if actor.scopes is not None and not scopes.within(actor.scopes):
        raise Refused(_("A token can make only tokens that may no more than itself."), "rights", 400)
    if actor.user is None or actor.user.pk != user.pk:
        require_as_much(actor, user, scopes.rights)
    values = {
        "created_name": actor.name,
        "expires": timezone.now() + timedelta(days=days) if days else None,
        "rights": None if scopes.rights is None else sorted(scopes.rights),
        "team_id": scopes.team,
        "environments": sorted(scopes.environments),
        "services": sorted(scopes.services),
    }
    with transaction.atomic():
        token, raw = Token.make(user, label, **values)
        after = {"label": label, "prefix": token.prefix, "days": days or "never ends", **_told(token, team)}
        audit.record(actor, "token.create", token, parent=user, after=after)
    return token, raw


def _may(actor: Actor, user: User, token: Token | None = None) -> None:
    """One's own; a service account's by who manages those of its team; another person's by who manages people. Raises Denied."""
    if user.service_account:
        team = user.memberships.values_list("team_id", flat=True).first()
        require(actor, OF_SERVICES, team_id=team, obj=token or user)
    elif actor.user is None or actor.user.pk != user.pk:
        require(actor, "people.manage", obj=token or user)
    else:
        require(actor, RIGHT, obj=token or user)


def _scopes(
    actor: Actor, rights: Sequence[str] | None, team: str, environments: Sequence[str], services: Sequence[str]
) -> Scopes:
    chosen = None if rights is None else frozenset(rights)
    if chosen is not None and not chosen:
        raise Refused(_("Choose at least one right."), "rights", 400)
    if chosen is not None and (unknown := chosen - RIGHTS):
        raise Refused(_("There is no right «%(name)s».") % {"name": min(unknown)[:60]}, "rights", 400)
    found = Team.objects.filter(slug=team).first() if team else None
    if team and found is None:
        raise Refused(_("There is no such team."), "team", 400)
    if set(environments) - {slug for slug, _title in places.environments()}:
        raise Refused(_("There is no such environment."), "environments", 400)
    if unknown := frozenset(services) - frozenset(places.services(actor)):
        raise Refused(_("There is no service «%(name)s».") % {"name": min(unknown)[:60]}, "services", 400)
    return Scopes(chosen, found.pk if found else None, frozenset(environments), frozenset(services))


def _told(token: Token, team: str) -> dict[str, Any]:
    """What narrows it, for the log."""
    told = {"rights": token.rights or "all", "team": team}
    told |= {"environments": token.environments, "services": token.services}
    return {name: value for name, value in told.items() if value}


def of(actor: Actor, user: User) -> QuerySet[Token]:
    """The person's or program's, the newest first, to who may make some there. Raises Denied."""
    _may(actor, user)
    return Token.objects.select_related("user").filter(user=user)


def revoke_token(actor: Actor, token: Token) -> Token:
    """The token is refused from now on; its row stays for the log."""
    _may(actor, token.user, token)
    with transaction.atomic():
        if Token.objects.filter(pk=token.pk, revoked=None).update(revoked=timezone.now()) == 1:
            audit.record(actor, "token.revoke", token, parent=token.user)
    token.refresh_from_db()
    return token


def find(raw: str, ip: str = "") -> Token | None:
    """The token, as long as it works. Notes the use, and from where, at most once a minute."""
    token = Token.objects.select_related("user").filter(digest=Token.hash(raw)).first()
    if token is None or not token.works:
        return None
    now = timezone.now()
    if token.last_used is None or now - token.last_used > NOTED or token.last_ip != ip:
        Token.objects.filter(pk=token.pk).update(last_used=now, last_ip=ip[:45])
    return token


def enter(request: HttpRequest, raw: str) -> Actor | None:
    """Whoever sends this token with a request; None: it does not work. Raises Denied, and records the attempt, where
    one that only reads was sent to change something.
    """
    token = find(raw, request.META.get("REMOTE_ADDR") or "")
    if token is None:
        return None
    actor = Actor.of_token(request, token)
    request.token = token  # type: ignore[attr-defined]
    if token.scopes.read_only and request.method not in READS:
        audit.record(actor, "token.refused", token, parent=token.user, denied=True, after={"path": request.path[:200]})
        raise Denied(_("This token may only read."))
    return actor
