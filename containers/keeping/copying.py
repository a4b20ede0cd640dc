"""An instance gets the data of another one: what a snapshot of that holds is copied into its volumes, on whichever host.

It is fetched beside the volume, and poured into it from there: servers remove the snapshots of a volume that they fill from outside, and
among them is what was kept of now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from containers.keeping import edge
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


def name_of(row: Restore) -> str:
    """Begins the names of what is made on the way."""
    return f"xq-copy-{row.pk}-"


def marks_of(row: Restore) -> dict[str, str]:
    return {MOVING: f"copy-{row.pk}", labels.PLATFORM: labels.installation()}


def tidy(row: Restore) -> None:
    """Removes what is left of it on both hosts: a server that was still filling a volume gave it to nobody. Raises EngineError; may be
    repeated."""
    here = {str(one["pool"]) for one in row.snapshot.volumes}
    there = set(row.instance.data_volumes.values_list("pool", flat=True))
    for host, pools in ((row.snapshot.host, here), (row.instance.host, there)):
        moves = edge.volumes_of(host).moves
        for pool in sorted({moves.pool(), *pools}):
            moves.remove_marked(pool, name_of(row), marks_of(row))


def bring(row: Restore, found: list[Pair], check: Check, sleep: Callable[[float], None]) -> None:
    """Fills the volumes, which nobody uses. Safe to repeat. Raises EngineError, Failed, and what `check` does."""
    source, target = _copies(row.snapshot.host), _copies(row.instance.host)

    def rest(seconds: float) -> None:
        check()
        sleep(seconds)

    for number, pair in enumerate(found, 1):
        check()
        fill(
            source,
            target,
            pair,
            snapshot=row.snapshot.label,
            name=f"{name_of(row)}{number}",
            marks=marks_of(row),
            rest=rest,
        )


def fill(
    source: VolumeCopies,
    target: VolumeCopies,
    pair: Pair,
    *,
    snapshot: str,
    name: str,
    marks: Mapping[str, str],
    rest: Callable[[float], None],
) -> None:
    """The volume of the target has the files of the snapshot, and all the snapshots it had. `name`: begins what is made on the way.

    Safe to repeat. Raises EngineError, Failed, and what `rest` does.
    """
    clone, beside = name, f"{name}-new"
    settle(End(target, pair.to_pool, beside), rest)
    source.remove(pair.pool, clone)
    target.remove(pair.to_pool, beside)
    source.clone(pair.pool, pair.name, snapshot, clone, marks)
    try:
        kept = source.find(pair.pool, clone)
        if kept is None:
            raise Failed(_("The snapshot %(name)s is not there any more.") % {"name": snapshot})
        target.make(pair.to_pool, kept, beside, marks)
        _copied(End(source, pair.pool, clone), End(target, pair.to_pool, beside), rest)
        _empty(target, pair, f"{name}-0", marks)
        target.pour(pair.to_pool, beside, pair.to_name)
        target.owned_as(pair.to_pool, pair.to_name, kept)
    finally:
        source.remove(pair.pool, clone)
        target.remove(pair.to_pool, beside)


def _copies(host: Host) -> VolumeCopies:
    found = copies_of(host)
    if found is None:
        raise Failed(_("Volumes of %(host)s cannot be copied.") % {"host": host})
    return found


def _empty(target: VolumeCopies, pair: Pair, nothing: str, marks: Mapping[str, str]) -> None:
    """A file of the same size and time would be taken for one that is there already: so none is."""
    target.remove(pair.to_pool, nothing)
    target.make(pair.to_pool, Kept(nothing, pair.to_pool, {}, {}), nothing, marks)
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
