"""Who leaves loses everything at once: whatever else knows people says here what of theirs ends, and ends it.

Apps above add to TIES in `AppConfig.ready`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import ngettext

from xqplatform import audit
from xqplatform.accounts import invitations
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Invitation, Token, User
from xqplatform.accounts.sessions import verbs as sessions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tie:
    """One kind of thing that a person has. `name` is its word in the event; `words` say what happens to so many."""

    name: str
    words: Callable[[int], str]
    count: Callable[[User], int]
    end: Callable[[Actor, User], int]  # how many; called in the transaction that deactivates the person


TIES: list[Tie] = []


def register(*ties: Tie) -> None:
    TIES.extend(tie for tie in ties if tie.name not in {one.name for one in TIES})


def what_ends(user: User) -> list[str]:
    """In words, what deactivating this person would end now."""
    counted = [(tie, tie.count(user)) for tie in TIES]
    return [tie.words(count) for tie, count in counted if count]


def end_all(actor: Actor, user: User) -> dict[str, Any]:
    """Ends it all, with one event that lists it. Part of the transaction that deactivates the person.

    What cannot be ended keeps nobody here: it is named in the event, and without an active person it may do nothing.
    """
    ended: dict[str, Any] = {}
    for tie in TIES:
        try:
            with transaction.atomic():
                count: Any = tie.end(actor, user)
        except Exception:
            log.exception("%s of %s could not be ended", tie.name, user)
            count = "could not be ended"
        if count:
            ended[tie.name] = count
    audit.record(actor, "person.leave", user, after=ended)
    return ended


# --- What this app has -------------------------------------------------------------------------------------------------


def _sessions(count: int) -> str:
    return ngettext("%(n)d session is signed out.", "%(n)d sessions are signed out.", count) % {"n": count}


def _tokens(count: int) -> str:
    return ngettext("%(n)d API token is revoked.", "%(n)d API tokens are revoked.", count) % {"n": count}


def _revoke(actor: Actor, user: User) -> int:
    return Token.objects.filter(user=user, revoked=None).update(revoked=timezone.now())


def _invitations(user: User) -> Any:
    return Invitation.objects.filter(made_by=user)


def _invitation_words(count: int) -> str:
    text = ngettext(
        "%(n)d invitation that they made is withdrawn.", "%(n)d invitations that they made are withdrawn.", count
    )
    return text % {"n": count}


def _still_open(user: User) -> int:
    return sum(row.open for row in _invitations(user))


OWN = (
    Tie("sessions", _sessions, lambda user: len(sessions.of(user)), lambda actor, user: sessions.drop(user)),
    Tie("tokens", _tokens, lambda user: Token.objects.filter(user=user, revoked=None).count(), _revoke),
    Tie("invitations", _invitation_words, _still_open, lambda actor, user: invitations.drop(_invitations(user))),
)
