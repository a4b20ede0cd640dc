"""The canonical form of an event, version 1, and the hash that links it. Pure.

The *body* is one line of JSON in ASCII: the keys of `KEYS` sorted, no spaces, everything beyond ASCII escaped; `time` in UTC with six
digits of a second and `Z`; `before` and `after` as any JSON, their keys sorted; a number that is whole is written without point and
exponent, however it was stored. Both databases give the same body for the same event.

`owner` (the key of the team that owned it) is a further key where it is known, and so is `token` (name and first characters of the API
token that it came by).

The *hash* of an event is the SHA-256, in hex, of the lines (joined by a line feed)

    xq-audit-1 · position · hash of the event before, or GENESIS · id · seal · body

so it binds an event's content to its place. The position counts from 1, without a gap.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

FORM = 1
GENESIS = "0" * 64
KEYS = (
    "time", "user", "actor", "via", "ip", "request_id", "action", "object_type", "object_id", "object_name",
    "parent_type", "parent_id", "before", "after", "reason", "denied",
)  # fmt: skip

_STORED_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?")
_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _number(text: str) -> int | float:
    """A number with point or exponent: whole ones as int, since PostgreSQL stores 1e2 as 100."""
    value = float(text)
    if value.is_integer():
        return int(Decimal(repr(value)))
    return value


_decode = json.JSONDecoder(parse_float=_number).decode


def from_json(text: str | None) -> Any:
    """Stored JSON as canonical values. Raises ValueError, RecursionError or OverflowError for what no platform wrote."""
    return None if text is None else _decode(text)


def normal(value: Any) -> Any:
    """A Python value as it will be when it was stored as JSON and read again."""
    return None if value is None else _decode(json.dumps(value))


def time_text(value: Any) -> str:
    """A moment, or SQLite's text of one, in the canonical spelling; what is none of both as it is."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if isinstance(value, str) and (found := _STORED_TIME.fullmatch(value)):
        return f"{found[1]}T{found[2]}.{(found[3] or '').ljust(6, '0')}Z"
    return str(value)


def body(content: dict[str, Any]) -> str:
    """The canonical line of an event's content (exactly the keys of KEYS). Raises ValueError or RecursionError for what is no JSON."""
    return _encode(content)


def link_hash(position: int, previous: str, event_id: int, seal: str, line: str) -> str:
    """The hash of the event whose body is `line`, at this place."""
    return hashlib.sha256(f"xq-audit-1\n{position}\n{previous}\n{event_id}\n{seal}\n{line}".encode()).hexdigest()
