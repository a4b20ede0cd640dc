"""What drivers of storage pools do otherwise than others. Pure.

Sources: https://documentation.ubuntu.com/lxd/en/latest/reference/storage_drivers/ and …/storage_zfs/ (limitations)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

# Without copy-on-write: a snapshot is a copy of all files, and so is putting it back. Within a server files are compared by content (LXD
# up to 5.19), or by nanoseconds of their times (later ones, Incus), not by seconds as between servers: what is written in the second of a
# snapshot, and is as long as before, is put back like all else, so that nobody has to be held still until that second is over.
COPYING = frozenset({"dir"})
# These send a volume to another pool of their kind in their own way, not file by file.
WHOLE = frozenset({"btrfs", "zfs", "ceph"})
# Only the newest snapshot can be put back. And a volume that has some must not be filled from another one in place: newer servers remove
# it for that, with all its snapshots.
NEWEST = frozenset({"zfs"})
REMOVES = "zfs.remove_snapshots"  # the server removes later snapshots by itself, instead of refusing
UNKNOWN = datetime(2000, 1, 1, tzinfo=UTC)  # servers that do not note when a snapshot was taken say a time before this


def later(snapshots: Iterable[Mapping[str, Any]], name: str, *, removes: bool) -> list[str]:
    """Those of a volume's snapshots that are later than this one. `removes`: a server that cannot tell which they are would
    remove them unasked, so all that may be count.
    """
    taken = {str(one["name"]).rpartition("/")[2]: _moment(str(one.get("created_at") or "")) for one in snapshots}
    mine = taken.pop(name, UNKNOWN)
    if mine <= UNKNOWN:
        return sorted(taken) if removes else []
    return sorted(one for one, moment in taken.items() if moment > mine or (removes and moment <= UNKNOWN))


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return UNKNOWN
    return found if found.tzinfo else found.replace(tzinfo=UTC)
