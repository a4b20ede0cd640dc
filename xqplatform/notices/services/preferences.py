"""What somebody wants to hear of, and by which way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import require
from xqplatform.errors import Denied, Refused
from xqplatform.notices.kinds import INBOX, OWN, SCOPES, Kind
from xqplatform.notices.models import Preference

RIGHT = "inbox.manage"  # everybody's; tokens have it by their scope


@dataclass(frozen=True)
class Wishes:
    """A scope for each kind."""

    inbox: dict[str, str]
    own: dict[str, str]


def of(user: User) -> Wishes:
    """The person's own words, and the defaults where they said nothing."""
    row = Preference.objects.filter(user=user).first()
    return Wishes({**INBOX, **(row.inbox if row else {})}, {**OWN, **(row.own if row else {})})


def person(actor: Actor) -> User:
    """Raises Denied for the platform itself, which has no inbox."""
    if actor.user is None:
        raise Denied(_("Only a person has an inbox."))
    return actor.user


def owner(actor: Actor) -> User:
    """As `person`, for what changes something of the inbox: a token that may not is refused. Raises Denied."""
    user = person(actor)
    require(actor, RIGHT, obj=user)
    return user


def save(actor: Actor, inbox: Mapping[str, str], own: Mapping[str, str]) -> Wishes:
    """Changes what is given and leaves the rest. Raises Refused for what is no kind or no scope."""
    user = owner(actor)
    for name, given in (("inbox", inbox), ("own", own)):
        for kind, scope in given.items():
            if kind not in Kind.values or scope not in SCOPES:
                raise Refused(_("There is no such kind, or no such choice."), f"{name}_{kind}"[:80], 400)
    before = of(user)
    now = Wishes({**before.inbox, **inbox}, {**before.own, **own})
    if now == before:
        return now
    with transaction.atomic():
        # Only what differs from the defaults is kept, so that better defaults reach whoever never chose.
        kept = {
            "inbox": {kind: scope for kind, scope in now.inbox.items() if scope != INBOX[kind]},
            "own": {kind: scope for kind, scope in now.own.items() if scope != OWN[kind]},
        }
        Preference.objects.update_or_create(user=user, defaults=kept)
        was, after = audit.changed(_flat(before), _flat(now))
        audit.record(actor, "notice.preferences", user, before=was, after=after)
    return now


def _flat(wishes: Wishes) -> dict[str, str]:
    return {f"{name}: {kind}": scope for name in ("inbox", "own") for kind, scope in getattr(wishes, name).items()}
