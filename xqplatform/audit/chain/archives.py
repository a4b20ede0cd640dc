"""Retention: old events move into sealed archives, which still verify; the chain in the database then begins after the last of them.

An archive is an export (`files`) in a gzipped file, beside a signed manifest with the file's SHA-256. The events leave the database only
when the file was read back and verified, in one transaction with the event that tells of it. The triggers let exactly
these rows go, and only while the archive's row says «removing», which nobody but that transaction ever sees.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.chain import canonical, checkpoints, exporting, files, linking, own, rows, statements
from xqplatform.audit.chain.judge import CHANGED, REMOVED, Judge
from xqplatform.audit.chain.keys import sealed
from xqplatform.audit.chain.models import Archive, Checkpoint, Link
from xqplatform.audit.chain.reports import Report

AT_ONCE = 50_000  # events of one archive


class Unfit(Exception):
    """What should go is not as it was written, or its archive is not: nothing is removed. In words."""


def folder() -> Path:
    path = Path(settings.AUDIT_ARCHIVE) if settings.AUDIT_ARCHIVE else checkpoints.folder() / "archive"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def due(least: int | None = None) -> tuple[int, int] | None:
    """The next positions to be archived: older than `XQ_AUDIT_DAYS`, under a checkpoint, and sent to every outlet (`least`)."""
    if not settings.AUDIT_DAYS:
        return None
    tail, head = linking.tail(), linking.head()
    before = timezone.now() - timedelta(days=settings.AUDIT_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.position FROM audit_link l JOIN audit_event e ON e.id = l.event_id WHERE e.time >= %s "
            "ORDER BY l.position LIMIT 1",
            [before if connection.vendor == "postgresql" else before.replace(tzinfo=None)],
        )
        young = cursor.fetchone()
    signed = Checkpoint.objects.values_list("position", flat=True).first() or 0
    last = min((young[0] - 1) if young else head.position, signed, tail.position + AT_ONCE)
    if least is not None:
        last = min(last, least)
    return (tail.position + 1, last) if last > tail.position else None


def make(least: int | None = None) -> Archive | None:
    """Archives what is due, one file. Raises Unfit (also noted, and shown)."""
    found = due(least)
    if found is None:
        return None
    try:
        said = _written(*found)
    except Unfit as error:
        Archive.objects.update_or_create(
            first=found[0], defaults={"last": found[1], "state": Archive.State.FAILED, "problem": str(error)}
        )
        raise
    return _removed(said)


def _written(first: int, last: int) -> dict[str, Any]:
    """Writes and verifies the file; its signed manifest."""
    known = own.keys()
    tail = linking.tail()
    judge = Judge(
        start=tail.position, previous=tail.hash, last=last, sealed=lambda seal, line: sealed(known, seal, line)
    )
    for row in rows.linked(first - 1, last):
        judge.feed(row)
    judge.end()
    if judge.faults:
        raise Unfit(f"What should be archived is not as it was written: {judge.faults[0]}")
    name = f"audit-{first:012d}-{last:012d}"
    path = folder() / f"{name}.jsonl.gz"
    handle, draft = tempfile.mkstemp(prefix=f".{name}-", dir=folder())  # mode 0600
    try:
        with os.fdopen(handle, "wb") as raw:
            with gzip.GzipFile("", "wb", 6, raw, 0) as packed:
                for text in exporting.lines("archive", first, last):
                    packed.write(text.encode())
            raw.flush()
            os.fsync(raw.fileno())
        report = files.verify(Path(draft), None, own.public())
        if not report.good or (report.position, report.hash, report.count) != (last, judge.hash, last - first + 1):
            raise Unfit(f"The archive cannot be verified: {next(iter(report.faults), 'it is not whole')}")
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
    said = statements.signed(
        own.current(),
        "archive",
        first=first,
        last=last,
        previous=tail.hash,
        hash=judge.hash,
        count=last - first + 1,
        time=canonical.time_text(timezone.now()),
        file=path.name,
        sha256=digest(path),
    )
    manifest = folder() / f"{name}.manifest.json"
    manifest.write_text(statements.line(said) + "\n")
    place = os.open(folder(), os.O_RDONLY)
    try:
        os.fsync(place)  # the names, too, are on the disk before anything is removed
    finally:
        os.close(place)
    return said


def _removed(said: dict[str, Any]) -> Archive | None:
    first, last = said["first"], said["last"]
    with transaction.atomic():
        linking.lock()
        if linking.tail().position + 1 != first:
            return None  # somebody else did it meanwhile
        ends = {"last": last, "hash": said["hash"], "line": statements.line(said), "problem": ""}
        row, _made = Archive.objects.update_or_create(first=first, defaults=ends | {"state": Archive.State.REMOVING})
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_link WHERE position BETWEEN %s AND %s)",
                [first, last],
            )
        Link.objects.filter(position__range=(first, last)).delete()
        row.state = Archive.State.SEALED
        row.save()
        after = {"first": first, "last": last, "file": said["file"], "sha256": said["sha256"]}
        audit.record(Actor.system(), "audit.archive", None, after=after)
    return row


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(report: Report) -> None:
    """Whether all archives are there, as they were signed, and one follows the other; faults go into the report."""
    public, position, previous = own.public(), 0, canonical.GENESIS
    for row in Archive.objects.filter(state=Archive.State.SEALED).order_by("first"):
        said = statements.parse(row.line, "archive")
        if said is None or not statements.genuine(public, said):
            report.say(
                CHANGED, row.first, None, "the manifest of this archive is not signed by the keys that are known."
            )
            continue
        if (said["first"], said["previous"], said["last"], said["hash"]) != (
            position + 1,
            previous,
            row.last,
            row.hash,
        ):
            report.say(CHANGED, row.first, None, "this archive does not follow the one before it.")
        position, previous = row.last, row.hash
        path = folder() / str(said["file"])
        try:
            if digest(path) != said["sha256"]:
                report.say(CHANGED, row.first, None, f"the archive {path.name} is not the file that was signed.")
        except OSError as error:
            report.say(REMOVED, row.first, None, f"the archive {path.name} cannot be read: {error.strerror}.")
