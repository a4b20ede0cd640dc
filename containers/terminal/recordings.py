"""Recordings: stored a piece at a time, read as one asciicast file, removed when they are old."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from containers.models import CommandPiece, CommandRun, Terminal, TerminalPiece
from containers.terminal import cast
from xqplatform import audit
from xqplatform.accounts.actor import Actor

AT_ONCE = 200  # recordings that one tidying removes


def store(pk: int, number: int, lines: str, **counts: int) -> int:
    """Writes a piece (lines of asciicast) and the counts with it; bytes of the recording now."""
    data = lines.encode()
    with transaction.atomic():
        TerminalPiece.objects.create(terminal_id=pk, number=number, data=zlib.compress(data, 6))
        Terminal.objects.filter(pk=pk).update(recorded=F("recorded") + len(data), **counts)
    return len(data)


def read(row: Terminal) -> Iterator[bytes]:
    """The file, a piece at a time."""
    begun = row.opened or row.created
    yield cast.header(row.columns, row.rows, begun.timestamp(), str(row), row.shell).encode()
    pieces = TerminalPiece.objects.filter(terminal=row).order_by("number").values_list("data", flat=True)
    for data in pieces.iterator(50):
        yield zlib.decompress(bytes(data))


def tidy() -> int:
    """Removes recordings and outputs that are older than they are kept; how many."""
    before = timezone.now() - timedelta(days=settings.RECORDING_DAYS)
    old = Terminal.objects.filter(ended__lt=before, cleared=None, opened__isnull=False)
    keys = list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    with transaction.atomic():
        TerminalPiece.objects.filter(terminal__in=keys).delete()
        Terminal.objects.filter(pk__in=keys).update(cleared=timezone.now())
        if keys:
            audit.record(Actor.system("terminals"), "terminal.tidy", None, after={"terminals": keys})
    runs = list(
        CommandRun.objects.filter(ended__lt=before, kept__gt=0).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    )
    with transaction.atomic():
        CommandPiece.objects.filter(run__in=runs).delete()
        CommandRun.objects.filter(pk__in=runs).update(kept=0)
    return len(keys) + len(runs)
