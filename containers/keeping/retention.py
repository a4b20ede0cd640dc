"""Which snapshots are due, and which ones may go. Pure: times in, keys out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from containers.keeping.shape import Policy


@dataclass(frozen=True)
class Kept:
    """A ready snapshot. `pinned`: nobody removes it by rule; `mine`: the rules are about it (those taken by hand are not)."""

    pk: int
    taken: datetime
    pinned: bool = False
    mine: bool = True


def last_slot(policy: Policy, now: datetime) -> datetime | None:
    """The newest moment, not after now, at which one is due; None: none ever is. All in UTC."""
    if not policy.every:
        return None
    hour, minute = (int(part) for part in policy.at.split(":"))
    first = now.replace(hour=hour, minute=minute, second=0, microsecond=0) - timedelta(days=1)
    gone = (now - first) // timedelta(hours=policy.every)
    return first + gone * timedelta(hours=policy.every)


def is_due(policy: Policy, newest: datetime | None, since: datetime, now: datetime) -> bool:
    """Whether one has to be taken. `newest`: when the last one by schedule was begun; `since`: nothing before was ever due
    (the instance or the policy is younger). However many were missed, one makes up for them."""
    slot = last_slot(policy, now)
    return slot is not None and slot >= since and (newest is None or newest < slot)


def spared(policy: Policy, snapshots: Iterable[Kept]) -> set[int]:
    """Keys of those that stay."""
    rows = sorted(snapshots, key=lambda one: (one.taken, one.pk), reverse=True)
    mine = [one for one in rows if one.mine and not one.pinned]
    stay = {one.pk for one in rows if one.pinned or not one.mine}
    stay |= {one.pk for one in mine[: policy.keep_last]}
    periods = (
        (policy.keep_hourly, "%Y-%m-%d %H"),
        (policy.keep_daily, "%Y-%m-%d"),
        (policy.keep_weekly, "%G-%V"),
    )
    for count, shape in periods:
        seen: list[str] = []
        for one in mine:
            period = one.taken.strftime(shape)
            if period in seen:
                continue
            if len(seen) == count:
                break
            seen.append(period)
            stay.add(one.pk)
    return stay
