"""An instance gets the data of another one: what a snapshot of that holds is copied into its volumes, on whichever host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from containers.keeping.models import Restore, Snapshot
from containers.left_behind import MOVING, copies_of
from hosts import labels
from hosts.engine import EngineError
from hosts.models import Host
from hosts.operations import Failed
from hosts.volume_copies import End, Kept, VolumeCopies, copy, settle
from hosts.volume_types import Volume

Check = Callable[[], None]
PAUSE = 5.0  # seconds before another try
TRIES = 5  # of a copy that is broken off, one after the other


@dataclass(frozen=True)
class Pair:
    """A volume that is filled, and what of: a volume of the snapshot, at the same path inside."""

    pool: str
    name: str
    to_pool: str
    to_name: str


def pairs(snapshot: Snapshot, volumes: list[Volume]) -> list[Pair]:
    """`volumes`: of the container that gets the data. Raises Failed where a path of the snapshot has no volume there. Pure."""
    by_path = {one.target: one for one in volumes}
    missing = [one["target"] for one in snapshot.volumes if one["target"] not in by_path]
    if missing:
        words = _("It has no volume at %(paths)s: give its settings one, and release them.")
        raise Failed(words % {"paths": ", ".join(missing)})
    return [
        Pair(one["pool"], one["name"], by_path[one["target"]].pool, by_path[one["target"]].name)
        for one in snapshot.volumes
    ]


def bring(row: Restore, found: list[Pair], check: Check, sleep: Callable[[float], None]) -> None:
    """Fills the volumes, which nobody uses. Safe to repeat. Raises EngineError, Failed, and what `check` does."""
    source, target = _copies(row.snapshot.host), _copies(row.instance.host)

    def rest(seconds: float) -> None:
        check()
        sleep(seconds)

    for number, pair in enumerate(found, 1):
        check()
        clone = f"xq-copy-{row.pk}-{number}"
        marks = {MOVING: f"copy-{row.pk}", labels.PLATFORM: labels.installation()}
        source.remove(pair.pool, clone)
        source.clone(pair.pool, pair.name, row.snapshot.label, clone, marks)
        try:
            kept = source.find(pair.pool, clone)
            if kept is None:
                raise Failed(_("The snapshot %(name)s is not there any more.") % {"name": row.snapshot.label})
            settle(End(target, pair.to_pool, pair.to_name), rest)
            _empty(target, pair, row.pk, kept)
            _copied(End(source, pair.pool, clone), End(target, pair.to_pool, pair.to_name), rest)
            target.owned_as(pair.to_pool, pair.to_name, kept)
        finally:
            source.remove(pair.pool, clone)


def _copies(host: Host) -> VolumeCopies:
    found = copies_of(host)
    if found is None:
        raise Failed(_("Volumes of %(host)s cannot be copied.") % {"host": host})
    return found


def _empty(target: VolumeCopies, pair: Pair, number: int, like: Kept) -> None:
    """A file of the same size and second would be taken for one that is there already: so none is."""
    nothing = f"xq-copy-{number}-0"
    target.remove(pair.to_pool, nothing)
    target.make(pair.to_pool, Kept(nothing, pair.to_pool, {}, {}), nothing, {MOVING: f"copy-{number}"})
    try:
        target.pour(pair.to_pool, nothing, pair.to_name)
    finally:
        target.remove(pair.to_pool, nothing)


def _copied(source: End, target: End, rest: Callable[[float], None]) -> None:
    for left in reversed(range(TRIES)):
        try:
            return copy(source, target, rest=rest, tell=lambda _count: None)
        except EngineError as error:
            if not left or not (error.retry or error.out_of_reach):
                raise
            rest(PAUSE)
