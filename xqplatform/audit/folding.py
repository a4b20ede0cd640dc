"""What comes again and again is one event, not thousands: the first is written at once, the others are counted for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Model
from django.utils import timezone

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event, Fold
from xqplatform.audit.search import index

WINDOW = timedelta(minutes=10)
# What the event that tells the count has of the first one.
SAME = (
    "user_id", "actor", "via", "ip", "action", "object_type", "object_id", "object_name", "parent_type", "parent_id",
    "denied", "owner", "token",
)  # fmt: skip


def record(
    actor: Actor, action: str, obj: Model | None, *, key: str, window: timedelta = WINDOW, **more: Any
) -> Event | None:
    """`audit.record`, once for each `key` (200 characters) in so much time; None when it was counted only. How many were counted
    is told by one more event when the time is over.
    """
    now = timezone.now()
    rows = Fold.objects.filter(key=key)
    # (Most calls end here: one statement.)
    if rows.filter(until__gt=now).update(count=F("count") + 1):
        return None
    with transaction.atomic():
        Fold.objects.get_or_create(key=key, defaults={"until": now})
        row = rows.select_for_update().get()
        if row.until > now:  # somebody else was quicker
            rows.update(count=F("count") + 1)
            return None
        _tell(row)
        event = audit.record(actor, action, obj, **more)
        rows.update(until=now + window, count=0, event=event.pk)
        return event


def close(now: datetime | None = None) -> int:
    """Tells the counts of those whose time is over, and forgets them; how many were told. By the beat."""
    told = 0
    for pk in list(Fold.objects.filter(until__lte=now or timezone.now()).values_list("pk", flat=True)):
        with transaction.atomic():
            row = Fold.objects.select_for_update().filter(pk=pk, until__lte=now or timezone.now()).first()
            if row is not None:
                told += _tell(row)
                row.delete()
    return told


def _tell(row: Fold) -> bool:
    """Writes the event of what was counted since the first one, inside the caller's transaction."""
    first = Event.objects.filter(pk=row.event).first() if row.count and row.event is not None else None
    if first is None:
        return False
    after = {**(first.after or {}), "more": row.count, "since": first.time.isoformat(timespec="seconds")}
    index.add_known(Event.objects.create(**{name: getattr(first, name) for name in SAME}, after=after))
    audit.written()
    return True
