"""Which events somebody asks for: the page, the export and the API share it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import OWNED, hidden
from xqplatform.audit.models import Event

INSIDE = ("containers.commandrun", "containers.terminal")


def readable(actor: Actor) -> QuerySet[Event]:
    """All events for who may read the log; a developer sees own events, and those of services and builds.

    What others ran inside containers, and who watched them, is not open to all: arguments of commands may be passwords.
    """
    rows = Event.objects.all()
    if teams := hidden(actor):
        # What is of a kind that teams own, and of which no owner is known, is older than closed teams are.
        kinds = [model._meta.label_lower for model in OWNED]
        rows = rows.exclude(owner__in=teams).exclude(owner=None, object_type__in=kinds)
    if can(actor, "audit.read"):
        return rows
    open_to_all = Q(object_type__startswith="containers.") | Q(object_type__startswith="builds.")
    return rows.filter(Q(user=actor.user) | (open_to_all & ~Q(object_type__in=INSIDE)))


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def between(rows: QuerySet[Event], since: str, until: str) -> QuerySet[Event]:
    """Whole days in the viewer's zone, both ends included; nonsense counts as not given."""
    first, last = day(since), day(until)
    zone = timezone.get_current_timezone()
    try:
        if first:
            rows = rows.filter(time__gte=datetime.combine(first, time.min, zone).astimezone(UTC))
        if last:
            rows = rows.filter(time__lt=datetime.combine(last + timedelta(days=1), time.min, zone).astimezone(UTC))
    except OverflowError:
        return rows
    return rows


def of_object(rows: QuerySet[Event], what: str) -> QuerySet[Event]:
    """`app.model:key`: events of the object and of what belongs to it."""
    label, _colon, pk = what.partition(":")
    if not label or not pk:
        return rows
    return rows.filter(Q(object_type=label, object_id=pk) | Q(parent_type=label, parent_id=pk))


def clean(value: Any) -> str:
    """A parameter without what no database takes."""
    return str(value or "").replace("\x00", "").strip()[:250]
