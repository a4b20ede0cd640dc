"""Events and links as the database holds them, read quickly: plain columns, no models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection

from xqplatform.audit.chain import canonical
from xqplatform.audit.chain.judge import Linked

COLUMNS = (
    "id", "seal", "time", "user_id", "actor", "via", "ip", "request_id", "action", "object_type", "object_id",
    "object_name", "parent_type", "parent_id", "before", "after", "reason", "denied", "owner",
    "token",
)  # fmt: skip
EVENT = ", ".join(f'e."{name}"' for name in COLUMNS)
AT_ONCE = 2000


def content(row: tuple[Any, ...]) -> dict[str, Any]:
    """The canonical content of an event's columns (`COLUMNS`). Raises ValueError, RecursionError or OverflowError for broken JSON."""
    found = {
        "time": canonical.time_text(row[2]),
        "user": row[3],
        "actor": row[4],
        "via": row[5],
        "ip": row[6],
        "request_id": row[7],
        "action": row[8],
        "object_type": row[9],
        "object_id": row[10],
        "object_name": row[11],
        "parent_type": row[12],
        "parent_id": row[13],
        "before": canonical.from_json(row[14]),
        "after": canonical.from_json(row[15]),
        "reason": row[16],
        "denied": bool(row[17]),
    }
    if row[18] is not None:
        found["owner"] = row[18]
    if row[19] is not None:
        found["token"] = row[19]
    return found


def body(row: tuple[Any, ...]) -> str:
    """The canonical body; for content that no platform can have written a text that fits no hash."""
    try:
        return canonical.body(content(row))
    except (ValueError, RecursionError, OverflowError, TypeError) as error:
        return f"unreadable: {type(error).__name__}"


def linked(after: int = 0, last: int | None = None) -> Iterator[Linked]:
    """What is linked, in the chain's order, read in pieces: positions beyond `after`, up to `last`."""
    # The columns are ours, nothing comes from outside.
    select = (
        f"SELECT l.position, l.event_id, l.previous, l.hash, l.form, {EVENT} "  # noqa: S608
        "FROM audit_link l LEFT JOIN audit_event e ON e.id = l.event_id "
        "WHERE l.position > %s AND l.position <= %s ORDER BY l.position LIMIT %s"
    )
    top = last if last is not None else 2**62
    while True:
        with connection.cursor() as cursor:
            cursor.execute(select, [after, top, AT_ONCE])
            found = cursor.fetchall()
        for row in found:
            event = row[5:]
            there = event[0] is not None
            yield Linked(row[0], row[1], row[2], row[3], event[1] or "", body(event) if there else None, row[4])
        if len(found) < AT_ONCE:
            return
        after = found[-1][0]


def waiting(limit: int) -> list[tuple[int, str, str]]:
    """Events without a link, the oldest ids first: (id, seal, body)."""
    select = (
        f"SELECT {EVENT} FROM audit_unlinked u JOIN audit_event e ON e.id = u.event_id "  # noqa: S608
        "ORDER BY u.event_id LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(select, [limit])
        return [(row[0], row[1] or "", body(row)) for row in cursor.fetchall()]
