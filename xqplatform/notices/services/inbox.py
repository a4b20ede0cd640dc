"""The verbs of one's own inbox. They are private, and no events: nothing of the company's changes."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from xqplatform import live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import visible
from xqplatform.notices.models import Entry
from xqplatform.notices.services.preferences import RIGHT

COUNTED = 100  # the bell shows «99+» from here on


def of(actor: Actor) -> QuerySet[Entry]:
    """The actor's own entries, the newest first."""
    user = actor.user
    return visible(actor, Entry).filter(user=user) if user is not None else Entry.objects.none()


def unread(actor: Actor) -> int:
    """How many are unread; counted up to COUNTED."""
    return of(actor).filter(read=None).order_by()[:COUNTED].count()


def mark(actor: Actor, entry: int | None, *, read: bool = True) -> int:
    """Marks one entry, or all of them, as read or unread; how many changed. Others' entries are none of them.

    Raises Denied for a token without the scope.
    """
    if actor.user is not None:
        require(actor, RIGHT, obj=actor.user)
    rows = of(actor).filter(read__isnull=read)
    if entry is not None:
        rows = rows.filter(pk=entry)
    changed = rows.update(read=timezone.now() if read else None)
    if changed and actor.user is not None:
        live.bump(f"inbox:{actor.user.pk}")
    return changed
