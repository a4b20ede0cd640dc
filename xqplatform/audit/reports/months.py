"""Months as people write them («2026-11»), by UTC. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)
MOST = 120


def bounds(month: str) -> tuple[datetime, datetime]:
    """The month's first moment and the next one's. Raises ValueError for what is no month."""
    found = MONTH.fullmatch(month)
    if found is None:
        raise ValueError(month[:20])
    year, number = int(found[1]), int(found[2])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def name(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m}"


def before(month: str) -> str:
    """The month before. Raises ValueError for what is no month."""
    start, _end = bounds(month)
    return f"{start.year - 1}-12" if start.month == 1 else f"{start.year}-{start.month - 1:02d}"


def between(first: datetime, now: datetime) -> list[str]:
    """All months from the first moment's to now's, the newest first; MOST at most."""
    found: list[str] = []
    month, last = name(now), name(first)
    while month >= last and len(found) < MOST:
        found.append(month)
        month = before(month)
    return found
