"""Stretches of the chain as JSON lines that prove themselves (`files`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Max, Min
from django.utils import timezone

from xqplatform.audit.chain import canonical, files, linking, own, rows, statements
from xqplatform.audit.chain.models import Link


def stretch(since: datetime | None, until: datetime | None) -> tuple[int, int] | None:
    """The first and the last position of what was recorded in this time (`until` left out); None when nothing was.

    In between may stand single events of another time: those of long transactions.
    """
    from xqplatform.audit.models import Event

    events = Event.objects.order_by()
    events = events.filter(time__gte=since) if since else events
    events = events.filter(time__lt=until) if until else events
    chain = Link.objects.order_by()
    if since or until:
        chain = chain.filter(event_id__in=events.values("pk"))
    found = chain.aggregate(first=Min("position"), last=Max("position"))
    return (found["first"], found["last"]) if found["first"] is not None else None


def head(what: str, first: int, last: int) -> dict[str, Any]:
    """The signed first line of a file with these positions, which must be there."""
    ends = Link.objects.in_bulk([first, last])
    return statements.signed(
        own.current(),
        what,
        first=first,
        last=last,
        previous=ends[first].previous,
        hash=ends[last].hash,
        count=last - first + 1,
        time=canonical.time_text(timezone.now()),
    )


def lines(what: str, first: int, last: int) -> Iterator[str]:
    """The file, line by line, each with its line feed. An event that is gone is left out: verifying names it."""
    yield f"{statements.line(head(what, first, last))}\n"
    for row in rows.linked(first - 1, last):
        if row.body is not None:
            yield f"{files.event_line(row)}\n"


def whole() -> tuple[int, int] | None:
    """The first and the last position that the database has."""
    linking.link()
    return stretch(None, None)
