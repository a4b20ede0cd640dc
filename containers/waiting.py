"""Releases that were decided and have not begun: what each waits for, and the order of a place's queue. Pure.

A queue is kept strictly: its first one alone may begin. All moments are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Waiter:
    """`not_before`: the moment it was scheduled for; None: as soon as its turn comes."""

    pk: int
    not_before: float | None = None


@dataclass(frozen=True)
class Held:
    """What guardrails said when they were asked last, and until when time alone keeps it back; None: not known."""

    why: str
    until: float | None = None


@dataclass(frozen=True)
class Wait:
    """One reason. `pk`: of the release that is under way, or of the one before it in the queue."""

    kind: Literal["time", "release", "behind", "guardrails"]
    until: float | None = None
    pk: int | None = None
    why: str = ""


def waits(pk: int, queue: Sequence[Waiter], now: float, active: int | None, held: Held | None = None) -> list[Wait]:
    """All that the release waits for, the nearest reason first; empty: it may begin. Raises ValueError if it is not queued."""
    order = [one.pk for one in queue]
    at = order.index(pk)
    me, found = queue[at], []
    if me.not_before is not None and me.not_before > now:
        found.append(Wait("time", me.not_before))
    if at:
        found.append(Wait("behind", pk=order[at - 1]))
    elif active is not None:
        found.append(Wait("release", pk=active))
    if held is not None and not at and (held.until is None or held.until > now):
        found.append(Wait("guardrails", held.until, why=held.why))
    return found


def next_one(queue: Sequence[Waiter], now: float, active: int | None) -> int | None:
    """Which one may begin now, as far as time and order go; guardrails are asked when it does."""
    if not queue or waits(queue[0].pk, queue, now, active):
        return None
    return queue[0].pk


def place_for(queue: Sequence[Waiter], not_before: float | None, now: float) -> int:
    """Where a new one is put: behind all that are due no later than it, so it overtakes nobody whose turn comes first."""
    mine = _due(not_before, now)
    return max((at + 1 for at, one in enumerate(queue) if _due(one.not_before, now) <= mine), default=0)


def _due(not_before: float | None, now: float) -> float:
    return max(now, not_before) if not_before is not None else now


def moved(order: Sequence[int], pk: int, by: int) -> list[int]:
    """The order with one moved by so many places (−1: sooner). Raises ValueError if it is not among them."""
    rest = [one for one in order if one != pk]
    at = min(len(rest), max(0, list(order).index(pk) + by))
    return [*rest[:at], pk, *rest[at:]]
