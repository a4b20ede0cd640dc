"""Pools where only a volume's newest snapshot can be put back (ZFS): what cannot be done there is said before anybody is stopped.

What is kept of now would be the newest itself; and other data comes into a volume only while it has no snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from containers.keeping.models import Restore
from hosts.operations import Failed
from hosts.volume_types import Volume, Volumes


def can_put_back(row: Restore, found: Iterable[Volume], volumes: Volumes) -> None:
    """`found`: the volumes that the row's snapshot is of. Raises Failed, in words, and EngineError."""
    for one in found:
        if not one.newest:
            continue
        if row.safety is not None:
            words = _(
                "The pool %(pool)s puts back only the newest snapshot, and what is kept of now would be that. Nothing was "
                "changed: put it back without keeping what is there now, or copy the snapshot into another instance."
            )
            raise Failed(words % {"pool": one.pool})
        if blocking := volumes.later(one, row.snapshot.label):
            words = _(
                "The pool %(pool)s puts back only the newest snapshot, and %(later)s came after it. Nothing was changed: "
                "remove those, or copy the snapshot into another instance."
            )
            raise Failed(words % {"pool": one.pool, "later": ", ".join(blocking)})


def can_fill(row: Restore, found: Iterable[Volume], volumes: Volumes) -> None:
    """`found`: the volumes that other data comes into. Raises Failed, in words, and EngineError."""
    for one in found:
        if one.newest and (row.safety is not None or volumes.snapshots(one)):
            words = _(
                "Other data comes into a volume of the pool %(pool)s only while it has no snapshots, and none is taken before. "
                "Nothing was changed: move the instance to a host with a pool of another kind first."
            )
            raise Failed(words % {"pool": one.pool})
