"""Checkpoints: signed now and then, kept in the database, in a file of the data folder, and sent away (`outlets`).

Whoever cuts the end of the chain off, or computes all hashes anew, cannot make the checkpoints fit without the key.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from xqplatform.audit.chain import canonical, linking, own, rows, statements
from xqplatform.audit.chain.judge import Judge
from xqplatform.audit.chain.keys import sealed
from xqplatform.audit.chain.models import Checkpoint

NAMED = 20  # faulty positions that a checkpoint names
PIECE = 1 << 14  # bytes that are read first of the file's end


def folder() -> Path:
    """Where the data folder keeps what belongs to the log."""
    path = Path(settings.DATA_DIR) / "audit"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def due() -> bool:
    """Whether the newest one is old enough for another."""
    last = _last(linking.head())
    age = timezone.now() - last.time if last is not None else timedelta.max
    return not timedelta() <= age < timedelta(minutes=settings.AUDIT_CHECKPOINT_MINUTES)


def _last(head: linking.Head) -> Checkpoint | None:
    """The newest one within the chain: one that names more than there is was forged, or the chain was cut, which verifying tells."""
    return Checkpoint.objects.filter(position__lte=head.position).first()


def make() -> Checkpoint | None:
    """Signs the chain as it stands, if it grew. What was linked since the last checkpoint is judged before, and faults are named in it."""
    linking.link()
    head, known = linking.head(), own.keys()
    last = _last(head)
    if (last is not None and last.position == head.position) or head.position == 0:
        keep_file()
        return None
    begin = _begin(last)
    judge = Judge(start=begin.position, previous=begin.hash, sealed=lambda seal, line: sealed(known, seal, line))
    for row in rows.linked(judge.start, head.position):
        judge.feed(row)
    judge.end()
    now = timezone.now()
    said = statements.signed(
        own.current(),
        "checkpoint",
        position=head.position,
        hash=head.hash,
        count=head.position,
        time=canonical.time_text(now),
        faults=sorted({fault.position or 0 for fault in judge.faults})[:NAMED],
    )
    with transaction.atomic():
        linking.lock()
        newer = _last(linking.head())
        if newer is not None and newer.position >= head.position:
            return None
        made = Checkpoint.objects.create(position=head.position, time=now, line=statements.line(said))
    keep_file()
    return made


def _begin(last: Checkpoint | None) -> linking.Head:
    found = statements.parse(last.line, "checkpoint") if last is not None else None
    if last is None or found is None or found["position"] != last.position:
        return linking.tail()
    return linking.Head(last.position, found["hash"])


def keep_file() -> None:
    """Appends to the file in the data folder what it lacks (also what a process that died did not write). Reads only its end."""
    path = folder() / "checkpoints.jsonl"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed: of two processes the second finds what the first wrote
        highest = linking.head().position
        newest, whole = _end(file, highest)
        rows = Checkpoint.objects.filter(position__gt=newest, position__lte=highest).order_by("position")
        lines = list(rows.values_list("line", flat=True))
        if not lines:
            return
        file.truncate(whole)  # a line that a process which died did not end
        file.seek(whole)
        file.write("".join(f"{text}\n" for text in lines).encode())
        file.flush()
        os.fsync(file.fileno())


def _end(file: BinaryIO, highest: int) -> tuple[int, int]:
    """The position of the last line that is a checkpoint of this chain, and where the last whole line ends. Lines are written in
    their order. A line that says more than `highest` is no reason to write none after it: verifying tells of it.
    """
    size, piece = file.seek(0, os.SEEK_END), PIECE
    while True:
        start = file.seek(max(0, size - piece))
        read = file.read(size - start)
        whole = read.rfind(b"\n") + 1
        # What stands before the first line's end began further up.
        for text in reversed(read[:whole].split(b"\n")[1 if start else 0 :]):
            found = statements.parse(text.decode(errors="replace"), "checkpoint")
            if found is not None and found["position"] <= highest:
                return found["position"], start + whole
        if not start:
            return 0, whole
        piece *= 2


def kept_lines() -> Iterator[str]:
    """The lines of the file, a torn last one left out."""
    path = folder() / "checkpoints.jsonl"
    if not path.exists():
        return
    with open(path, errors="replace") as file:
        for text in file:
            if text.endswith("\n"):
                yield text.rstrip("\n")


def all_lines() -> Iterator[str]:
    """Of the database and of the file, each once."""
    seen = set()
    for text in Checkpoint.objects.order_by("position").values_list("line", flat=True).iterator():
        seen.add(text)
        yield text
    yield from (text for text in kept_lines() if text not in seen)
