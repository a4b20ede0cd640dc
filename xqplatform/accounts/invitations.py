"""Invitations: who manages people decides what somebody will be, and the person alone what their password is."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Invitation, Role, Team, User
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles.foureyes import Waits
from xqplatform.errors import Denied, Refused

DAYS, MOST_DAYS = 7, 30
RIGHT = "people.manage"
# Mails an invitation (its primary key) when the transaction has committed; the app that can send mail fills it.
MAILS: list[Callable[[int], None]] = []


def _signer() -> Signer:
    return Signer(salt="xqplatform.invitation")


def _new_link() -> tuple[str, str]:
    """The last part of the link's address, and what is stored of it."""
    raw = secrets.token_urlsafe(32)
    return _signer().sign(raw), hashlib.sha256(raw.encode()).hexdigest()


def invite(
    actor: Actor,
    username: str,
    *,
    role: str = Role.DEVELOPER,
    display_name: str = "",
    email: str = "",
    teams: dict[int, list[str]] | None = None,
    days: int = DAYS,
) -> tuple[Invitation, str]:
    """An invitation and the last part of its link, which is shown once. Raises Denied, Refused."""
    require(actor, RIGHT, extra={"username": username[:150].replace("\0", "")})
    username = services.checked_username(username)
    if Invitation.objects.filter(username__iexact=username, **_open()).exists():
        raise Refused(_("Somebody is invited with this name already."), "username")
    if role not in Role.values:
        raise Refused(_("There is no such role."), "role", 400)
    teams = teams or {}
    if Team.objects.filter(pk__in=teams).count() != len(teams):
        raise Refused(_("One of the teams does not exist any more."), "teams", 400)
    token, digest = _new_link()
    values = {
        "username": username,
        "display_name": display_name.strip()[:120],
        "email": _mail(email),
        "role": role,
        "teams": {str(pk): sorted(set(environments)) for pk, environments in teams.items()},
        "digest": digest,
        "made_by": actor.user,
        "made_name": actor.name,
        "expires": _until(days),
    }
    with transaction.atomic():
        row = Invitation.objects.create(**values)
        audit.record(actor, "invitation.create", row, after={**_facts(row), "days": days})
        _send(row, token)
    return row, token


def _open() -> dict[str, Any]:
    return {"accepted": None, "withdrawn": None, "expires__gt": timezone.now()}


def _until(days: int) -> Any:
    if not 1 <= days <= MOST_DAYS:
        raise Refused(_("An invitation holds from 1 to %(n)d days.") % {"n": MOST_DAYS}, "days", 400)
    return timezone.now() + timedelta(days=days)


def _mail(address: str) -> str:
    address = address.strip()
    if not address:
        return ""
    if not settings.MAIL_URL:
        raise Refused(_("No mail account is set up here (XQ_MAIL_URL): hand the link over yourself."), "email", 400)
    try:
        validate_email(address)
        if any(c in address for c in '",;<>'):
            raise ValidationError("")
    except ValidationError:
        raise Refused(_("This is not a mail address."), "email", 400) from None
    return address


def _facts(row: Invitation) -> dict[str, Any]:
    slugs = {str(team.pk): team.slug for team in Team.objects.filter(pk__in=[int(pk) for pk in row.teams])}
    teams = {slugs.get(pk, pk): places or "all" for pk, places in row.teams.items()}
    return {"role": row.role, "teams": teams} | ({"mail": row.email} if row.email else {})


def _send(row: Invitation, token: str) -> None:
    if not row.email:
        return
    Invitation.objects.filter(pk=row.pk).update(link=token, mail="waiting", mail_words="")
    for mail in MAILS:
        mail(row.pk)


def renew(actor: Actor, row: Invitation, days: int = DAYS) -> tuple[Invitation, str]:
    """A new link with a new end; the old one is dead. Also of one that has expired or was withdrawn. Raises Denied, Refused."""
    require(actor, RIGHT, obj=row)
    token, digest = _new_link()
    with transaction.atomic():
        row = Invitation.objects.select_for_update().get(pk=row.pk)
        if row.accepted is not None:
            raise Refused(_("It was accepted already."))
        services.checked_username(row.username)
        others = Invitation.objects.filter(username__iexact=row.username, **_open()).exclude(pk=row.pk)
        if others.exists():
            raise Refused(_("Somebody is invited with this name already."))
        row.digest, row.expires, row.withdrawn = digest, _until(days), None
        row.made_by, row.made_name = actor.user, actor.name
        row.save(update_fields=["digest", "expires", "withdrawn", "made_by", "made_name"])
        audit.record(actor, "invitation.renew", row, after={"days": days})
        _send(row, token)
    return row, token


def withdraw(actor: Actor, row: Invitation) -> Invitation:
    """The link is dead from now on. Raises Denied, Refused."""
    require(actor, RIGHT, obj=row)
    with transaction.atomic():
        if not drop(Invitation.objects.filter(pk=row.pk)):
            raise Refused(_("It does not wait any more."))
        audit.record(actor, "invitation.withdraw", row)
    row.refresh_from_db()
    return row


def drop(rows: Any) -> int:
    """Without an event of its own: part of a verb that has one."""
    return int(rows.filter(**_open()).update(withdrawn=timezone.now(), link="", mail=""))


def find(token: str) -> Invitation | None:
    """The invitation that the link is of, as long as it can be accepted."""
    try:
        raw = _signer().unsign(token)
    except BadSignature:
        return None
    row = Invitation.objects.select_related("made_by").filter(digest=hashlib.sha256(raw.encode()).hexdigest()).first()
    return row if row is not None and row.open and _stands(row) else None


def _stands(row: Invitation) -> bool:
    """Whether who invited may still do so: with them their invitations lose what they promised."""
    return row.made_by is not None and can(Actor.person(row.made_by), RIGHT)


def accept(actor: Actor, token: str, password: str) -> User:
    """The person chooses a password and is there, by the right of who invited. Raises Refused."""
    gone = _("This invitation does not hold any more. Ask for a new one.")
    with transaction.atomic():
        row = find(token)
        if row is None or not Invitation.objects.filter(pk=row.pk, **_open()).update(accepted=timezone.now()):
            raise Refused(gone, code=404)
        assert row.made_by is not None
        inviter = Actor(row.made_by.get_username(), actor.via, row.made_by, actor.ip, actor.request_id)
        known = set(Team.objects.filter(pk__in=[int(pk) for pk in row.teams]).values_list("pk", flat=True))
        teams = {int(pk): places for pk, places in row.teams.items() if int(pk) in known}
        try:
            user = services.create_person(
                inviter, row.username, password, role=row.role, display_name=row.display_name, teams=teams
            )
        except Waits:  # the person is there, what they were promised waits for a second person
            user = User.objects.get(username=row.username.strip())
        except Denied as denied:
            raise Refused(denied.message) from denied
        user.email = row.email
        user.save(update_fields=["email"])
        Invitation.objects.filter(pk=row.pk).update(person=user, link="", mail="")
        person = Actor(user.get_username(), actor.via, user, actor.ip, actor.request_id)
        audit.record(person, "invitation.accept", row, parent=user, after={"by": row.made_name})
    return user
