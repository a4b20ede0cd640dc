"""Whose approval counts. Pure; moments are epoch seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """What an environment asks for. `role`: only people of it count; empty: whoever may approve."""

    count: int = 0
    role: str = ""
    hours: int = 24


@dataclass(frozen=True)
class Given:
    by: int | None
    name: str
    role: str
    expires: float
    withdrawn: bool = False


def counting(given: Sequence[Given], asked: Asked, author: int | None, at: float | None) -> list[Given]:
    """Those that count: of different people, none of who decided the release, not withdrawn, of the role; and not expired
    at that moment (None: of a release that has begun, whose approvals do not expire any more).
    """
    found: dict[int, Given] = {}
    for one in given:
        if one.by is None or one.by == author or one.withdrawn or (asked.role and one.role != asked.role):
            continue
        if at is None or one.expires > at:
            found.setdefault(one.by, one)
    return list(found.values())


def lacking(given: Sequence[Given], asked: Asked, author: int | None, at: float | None) -> int:
    """How many are missing."""
    return max(0, asked.count - len(counting(given, asked, author, at)))
