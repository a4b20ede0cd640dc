"""Who may read which events: the page, the export, the API and the search share it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import OWNED, hidden
from xqplatform.audit.models import Event
from xqplatform.audit.search.matching import Clause
from xqplatform.errors import Refused

INSIDE = ("containers.commandrun", "containers.terminal")


def readable(actor: Actor) -> QuerySet[Event]:
    """All events for who may read the log; a developer sees own events, and those of services and builds.

    What others ran inside containers, and who watched them, is not open to all: arguments of commands may be passwords.
    """
    rows = unhidden(actor)
    if can(actor, "audit.read"):
        return rows
    open_to_all = Q(object_type__startswith="containers.") | Q(object_type__startswith="builds.")
    return rows.filter(Q(user=actor.user) | (open_to_all & ~Q(object_type__in=INSIDE)))


def unhidden(actor: Actor) -> QuerySet[Event]:
    """All events but those of closed teams that the actor does not see."""
    rows = Event.objects.all()
    if teams := hidden(actor):
        # What is of a kind that teams own, and of which no owner is known, is older than closed teams are.
        kinds = [model._meta.label_lower for model in OWNED]
        rows = rows.exclude(owner__in=teams).exclude(owner=None, object_type__in=kinds)
    return rows


def everything(actor: Actor) -> bool:
    """Whether `readable` leaves nothing out, so that what the index gives need not be asked."""
    return can(actor, "audit.read") and not hidden(actor)


def require_everything(actor: Actor) -> None:
    """For what tells of all teams, and would be wrong with gaps. Raises Denied, and Refused where some are closed to the actor."""
    require(actor, "audit.read")
    if not everything(actor):
        raise Refused(_("This tells of all teams, and some of them are closed to you."))


def reach(actor: Actor) -> list[Clause]:
    """The same for the index, as wide or wider: what it gives is asked `readable` afterwards. Empty: it narrows nothing."""
    if can(actor, "audit.read"):
        return []
    own = f"user={actor.user.pk}" if actor.user is not None else "none="
    return [((own,), ("app=containers",), ("app=builds",))]


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def clean(value: Any) -> str:
    """A parameter without what no database takes."""
    return str(value or "").replace("\x00", "").strip()[:250]
