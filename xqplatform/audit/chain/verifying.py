"""Verifies the whole log in the database: the chain, the seals, checkpoints, and events that stand outside of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

from xqplatform.audit.chain import archives, checkpoints, files, linking, own, rows, triggers
from xqplatform.audit.chain.judge import INSERTED, MOST, REMOVED, Fault, Judge
from xqplatform.audit.chain.keys import sealed
from xqplatform.audit.chain.reports import Report

TELL_EVERY = 5000  # events between two words of how far it is


@dataclass(frozen=True)
class Begin:
    """Where a verification goes on that a dead process began: it had judged `count` events, up to `position`."""

    position: int
    hash: str
    count: int
    faults: list[Fault]


def database(tell: Callable[[Judge, int], None] | None = None, begin: Begin | None = None) -> Report:
    """Verifies it as it stands now: archives by their signed digests, the rest by the chain. `tell(judge, all)` is called now and then; what it raises ends the verification."""
    began = time.monotonic()
    report, known = Report(), own.keys()
    marks = files.marks_of(checkpoints.all_lines(), own.public(), report)
    archives.verify(report)
    tail, head = linking.tail(), linking.head()
    if begin is None or begin.position < tail.position:
        begin = Begin(tail.position, tail.hash, 0, [])
    judge = Judge(
        start=begin.position,
        previous=begin.hash,
        count=begin.count,
        faults=list(begin.faults),
        sealed=lambda seal, line: sealed(known, seal, line),
        last=max(head.position, *marks, 0),
        marks=marks,
    )
    for row in rows.linked(judge.start, head.position):
        judge.feed(row)
        if tell is not None and judge.count % TELL_EVERY == 0:
            tell(judge, head.position - tail.position)
    judge.end()
    if linking.tail() != tail:
        return database(tell)  # meanwhile its oldest events went into an archive
    _outside(judge)
    _copies(judge)
    report.take(judge)
    report.waiting = linking.unlinked()
    report.unguarded = triggers.missing(connection)
    report.seconds = time.monotonic() - began
    return report


def _outside(judge: Judge) -> None:
    """Events without a place in the chain: those that wait for it are as they should be, if the platform wrote them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {rows.EVENT}, u.event_id FROM audit_event e LEFT JOIN audit_link l ON l.event_id = e.id "  # noqa: S608
            "LEFT JOIN audit_unlinked u ON u.event_id = e.id WHERE l.event_id IS NULL ORDER BY e.id LIMIT %s",
            [10 * MOST],
        )
        found = cursor.fetchall()
    for row in found:
        if judge.sealed is not None and not judge.sealed(row[1] or "", rows.body(row[:-1])):
            words = "the platform did not write this event, or it was changed before it was linked (its seal is wrong)."
            judge.say(INSERTED, None, row[0], words)
        elif row[-1] is None:
            judge.say(REMOVED, None, row[0], "its link is gone.")


def _copies(judge: Judge) -> None:
    """An honest event that was written in a second time carries the first one's seal."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.seal, e.id, l.position FROM audit_event e LEFT JOIN audit_link l ON l.event_id = e.id "
            "WHERE e.seal IN (SELECT seal FROM audit_event GROUP BY seal HAVING COUNT(*) > 1) "
            "ORDER BY e.seal, l.position IS NULL, l.position, e.id LIMIT %s",
            [10 * MOST],
        )
        found = cursor.fetchall()
    seals: set[str] = set()
    for seal, event_id, position in found:
        if seal in seals:
            judge.say(INSERTED, position, event_id, "it is a copy of an earlier event (the same seal).")
        seals.add(seal)
