"""Who is refused again and again: wrong passwords and tokens, and what somebody has no right to. For the alert of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from xqplatform.audit.models import Event

WINDOW = timedelta(minutes=10)
MANY = 30  # within the window; a person who mistypes, or follows links that lead nowhere, stays far below
# Sign-ins and tokens that were not let in: nobody knows whose they are, so they are counted by the address they came from.
FAILED = ("login.failed", "login.locked", "token.refused")


@dataclass(frozen=True)
class Often:
    """`name`: a person, or an address with `unknown`."""

    name: str
    unknown: bool
    count: int


def often(now: datetime) -> list[Often]:
    """Who was refused many times in the ten minutes before `now`; twenty of each kind at most, the most first."""
    rows = Event.objects.filter(denied=True, time__gt=now - WINDOW, time__lte=now).order_by()
    found = []
    for part, by in ((rows.exclude(action__in=FAILED), "actor"), (rows.filter(action__in=FAILED).exclude(ip=""), "ip")):
        counted = part.values(by).annotate(n=Count("pk")).filter(n__gte=MANY).order_by("-n", by)[:20]
        found += [Often(row[by], by == "ip", row["n"]) for row in counted]
    return found
