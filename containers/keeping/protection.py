"""Whether the data of a service in an environment is protected, and what is wrong where it is not. Pure: what is known, and now, in; findings out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from containers.keeping.backup_rules import Rules, concerns
from containers.keeping.shape import USUAL, Policy

LATE = 1.5  # intervals after which something is overdue


class Kind(StrEnum):
    """The worst first."""

    UNPROTECTED = "unprotected"  # nobody said that it is backed up, or where to
    NOBODY = "nobody"  # the rules name none of the instances that stand
    CANNOT = "cannot"  # it stands where data cannot be kept
    OVERDUE = "overdue"
    FAILED = "failed"
    DRILL_FAILED = "drill_failed"
    DRILL_OVERDUE = "drill_overdue"
    SNAPSHOTS = "snapshots"  # behind their schedule


NOTHING = (Kind.UNPROTECTED, Kind.NOBODY, Kind.CANNOT)


class State(StrEnum):
    """The worst first; as pills have them."""

    NONE = "unprotected"
    RISK = "at_risk"
    NEW = "first_due"  # all is set, and the first backup is not there yet
    GOOD = "protected"


STATES = tuple(State)


@dataclass(frozen=True)
class Data:
    """What is known of an instance's data. `good`, `snapshot`: moments that the newest ones are of. `failed`: when the first backup by
    schedule after the last good one failed. `drill`: the state of the newest drill that ended («»: none), at `drilled`; `passed`: when
    one showed last that a backup starts. `words`, `drill_words`: what was said of what failed.
    """

    number: int
    created: datetime
    keeps: bool = True
    good: datetime | None = None
    failed: datetime | None = None
    words: str = ""
    drill: str = ""
    drilled: datetime | None = None
    drill_words: str = ""
    passed: datetime | None = None
    snapshot: datetime | None = None


@dataclass(frozen=True)
class Promise:
    """What was asked for. `backups` None: none by themselves. Nothing is late that would be due before `since`, when the rules were
    changed last."""

    backups: Rules | None = None
    since: datetime | None = None
    snapshots: Policy = USUAL
    snapshots_since: datetime | None = None


@dataclass(frozen=True)
class Risk:
    """`number`: of the instance, 0: of all of the place. `last`: the last good one; `every`: hours that were asked for."""

    kind: Kind
    since: datetime
    number: int = 0
    last: datetime | None = None
    every: int = 0
    words: str = ""


@dataclass(frozen=True)
class Protection:
    """`good`: of the newest backups of all instances that are backed up the oldest, None where one has none; `drilled`: the same of
    drills that passed."""

    state: State
    risks: tuple[Risk, ...] = ()
    good: datetime | None = None
    drilled: datetime | None = None


def judge(promise: Promise, data: Sequence[Data], now: datetime) -> Protection:
    """Of the instances that stand. Whose data cannot be backed up, or is not, is named first."""
    rules = promise.backups
    mine = [one for one in data if rules is None or concerns(rules, one.number)]
    risks = list(_backups(promise, mine, data, now))
    for one in data:
        if one.keeps and promise.snapshots.every:
            since = max(promise.snapshots_since or one.created, one.created)
            if late := _late(one.snapshot, since, timedelta(hours=promise.snapshots.every), now):
                risks.append(Risk(Kind.SNAPSHOTS, late, one.number, one.snapshot, promise.snapshots.every))
    order = list(Kind)
    risks.sort(key=lambda risk: (order.index(risk.kind), risk.number))
    good, drilled = _oldest([one.good for one in mine]), _oldest([one.passed for one in mine])
    return Protection(_state(risks, mine, good), tuple(risks), good, drilled)


def _state(risks: Sequence[Risk], mine: Sequence[Data], good: datetime | None) -> State:
    nothing = [risk for risk in risks if risk.kind in NOTHING]
    if any(not risk.number for risk in nothing) or (mine and len(nothing) == len(mine)):
        return State.NONE
    if risks:
        return State.RISK
    return State.NEW if good is None else State.GOOD


def _backups(promise: Promise, mine: Sequence[Data], data: Sequence[Data], now: datetime) -> Iterator[Risk]:
    rules, born = promise.backups, min((one.created for one in data), default=now)
    if rules is None or not rules.every:
        yield Risk(Kind.UNPROTECTED, max(born, promise.since or born))
    elif not mine:
        yield Risk(Kind.NOBODY, max(born, promise.since or born))
    for one in mine:
        if not one.keeps:
            yield Risk(Kind.CANNOT, one.created, one.number)
            continue
        since = max(promise.since or one.created, one.created)
        if rules is not None and rules.every:
            if late := _late(one.good, since, timedelta(hours=rules.every), now):
                yield Risk(Kind.OVERDUE, late, one.number, one.good, rules.every)
            if one.failed is not None:
                yield Risk(Kind.FAILED, one.failed, one.number, one.good, rules.every, one.words)
        yield from _drills(rules, one, since, now)


def _drills(rules: Rules | None, one: Data, since: datetime, now: datetime) -> Iterator[Risk]:
    """Without a backup there is nothing to try: that there is none is told already."""
    days = rules.drill_days if rules is not None else 0
    if one.drill not in {"", "starts"} and one.drilled is not None:
        yield Risk(Kind.DRILL_FAILED, one.drilled, one.number, one.passed, 24 * days, one.drill_words)
    elif days and one.good is not None and (late := _late(one.passed, since, timedelta(days=days), now)):
        yield Risk(Kind.DRILL_OVERDUE, late, one.number, one.passed, 24 * days)


def _late(last: datetime | None, since: datetime, every: timedelta, now: datetime) -> datetime | None:
    """Since when it is overdue; None: it is not."""
    due = max(last or since, since) + LATE * every
    return due if due <= now else None


def _oldest(moments: Sequence[datetime | None]) -> datetime | None:
    known = [one for one in moments if one is not None]
    return min(known) if known and len(known) == len(moments) else None
