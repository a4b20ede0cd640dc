"""The way of a volume's file into a store, and back: part by part, each as often as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from django.utils.translation import gettext as _

from containers.keeping import parts, sealing
from containers.keeping.models import Backup, BackupPart
from containers.keeping.stores import Store, StoreError
from hosts.engine import EngineError
from hosts.operations import Failed, Run
from hosts.volume_moves import VolumeMoves

R = TypeVar("R")
PATIENCE = 300.0  # seconds for which a store or a host may be away
PAUSES = (0.5, 20.0)  # seconds, the first and the longest
MIB = 1 << 20


class Damaged(StoreError):
    """What lies in the store is not what was put there."""


def patient(run: Run, call: Callable[[], R], seconds: float | None = None) -> R:
    """What the call gives; tried again while what it talks to is away. Raises what it raised last, and what `run.check` does."""
    until, pause = time.monotonic() + (PATIENCE if seconds is None else seconds), PAUSES[0]
    while True:
        run.check()
        try:
            return call()
        except (EngineError, StoreError) as error:
            if not error.retry or time.monotonic() + pause > until:
                raise
            run.note(_("%(words)s It is tried again.") % {"words": error.words})
        _rest(run, pause)
        pause = min(pause * 2, PAUSES[1])


def tidied(run: Run, call: Callable[[], object]) -> None:
    """Removes what was made on the way. Where the host stays away that is no failure of what was done: the beat sees to it."""
    try:
        patient(run, call)
    except EngineError as error:
        run.note(_("%(words)s It is tried again.") % {"words": error.words})


def _rest(run: Run, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        run.check()
        time.sleep(0.2)


def send(
    run: Run, moves: VolumeMoves, store: Store, row: Backup, volume: int, *, pool: str, name: str, size: int
) -> None:
    """Puts the file of a clone into the store, from the first part on that is not there yet. Raises EngineError, StoreError, Failed, that
    also for a host that gives fewer bytes than it said, or others: what is called whole afterwards has to be.
    """

    def go_on() -> None:
        there = row.parts.filter(volume=volume).count()
        if size and there * parts.PART >= size:
            return
        got = there * parts.PART
        file = moves.read_file(pool, name, there * parts.PART)
        for number, piece in enumerate(parts.pieces(file, parts.PART), there + 1):
            got += len(piece)
            if len(piece) < parts.PART and got != size:
                break  # whoever goes on would take it for a whole one
            sealed = sealing.seal(piece, row.target.recipients)
            part = parts.Part.of(number, sealed)
            key = parts.part_key(row.folder, volume, number, part.sha256)
            patient(run, partial(store.put, key, sealed))
            BackupPart.objects.create(
                backup=row, volume=volume, number=number, size=part.size, sha256=part.sha256
            )  # fmt: skip
            run.note(_("%(done)d of %(all)d MiB") % {"done": got // MIB, "all": size // MIB})
        if got != size or not size:
            words = _("The host gave %(got)d of %(all)d bytes of %(name)s: that is no backup.")
            raise Failed(words % {"got": got, "all": size, "name": name})

    try:
        patient(run, go_on)
    except EngineError as error:
        if error.kind == "not_found":
            words = _("The file of %(name)s is gone from the host before all of it was read: begin again.")
            raise Failed(words % {"name": name}) from error
        raise


def fetch(run: Run, store: Store, row: Backup, volume: int) -> Iterator[bytes]:
    """The file again, each part checked against what was put there. Raises StoreError, Damaged, and what `run.check` does."""
    rows = list(row.parts.filter(volume=volume).order_by("number"))
    saved = row.manifest["volumes"][volume]
    got, all_of_it = 0, int(saved["bytes"])
    for number, one in enumerate(rows, 1):
        key = parts.part_key(row.folder, volume, number, one.sha256)
        try:
            stored = patient(run, partial(_stored, store, key, parts.old_key(row.folder, volume, number)))
        except StoreError as error:
            if error.missing:
                raise Damaged(_("The backup is not whole: %(words)s") % {"words": error.words}) from error
            raise
        if one.number != number or not parts.Part(one.number, one.size, one.sha256).fits(stored):
            words = _("The backup is damaged: %(key)s is not what was put into %(where)s.")
            raise Damaged(words % {"key": key, "where": store.where})
        piece = sealing.unseal(stored, row.target.key)
        got += len(piece)
        run.note(_("%(done)d of %(all)d MiB") % {"done": got // MIB, "all": all_of_it // MIB})
        yield piece
    if got != all_of_it:
        raise Damaged(_("The backup is not whole: %(got)d of %(all)d bytes.") % {"got": got, "all": all_of_it})


def _stored(store: Store, key: str, old: str) -> bytes:
    try:
        return store.get(key)
    except StoreError as error:
        if not error.missing:
            raise
        try:
            return store.get(old)
        except StoreError as also:
            raise (error if also.missing else also) from None


def drop_others(store: Store, row: Backup) -> None:
    """Removes what the store has of it that is no part: of workers that died when they had put it there. Raises StoreError."""
    named = {parts.manifest_key(row.folder)}
    for volume, number, sha256 in row.parts.values_list("volume", "number", "sha256"):
        named |= {parts.part_key(row.folder, volume, number, sha256), parts.old_key(row.folder, volume, number)}
    store.remove([key for key in store.keys(f"{row.folder}/") if key not in named])


def clear(store: Store, row: Backup) -> None:
    """Removes all that the store has of it. Raises StoreError."""
    store.remove(list(store.keys(f"{row.folder}/")))
    row.parts.all().delete()
