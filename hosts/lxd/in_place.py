"""Other data into a volume that is there: not where the server would remove the volume's snapshots for it.

Measured on 5.0: one that is filled from another server («refresh») has none afterwards, whatever its driver; one that is filled from
another one of the same pool keeps them, but on ZFS, where newer servers remove the volume first.
"""

from __future__ import annotations

from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError
from hosts.lxd import pools
from hosts.lxd.link import Link


def check_inside(link: Link, pool: str, volume: str) -> None:
    """Asked before a volume is filled from another one of its pool. Raises EngineError, kind `conflict`: its snapshots would go."""
    if link.ask("GET", f"/storage-pools/{quote(pool, safe='')}").get("driver") in pools.NEWEST:
        check_outside(link, pool, volume)


def check_outside(link: Link, pool: str, volume: str) -> None:
    """The same, before it is filled from another server."""
    path = f"/storage-pools/{quote(pool, safe='')}/volumes/custom/{quote(volume, safe='')}/snapshots"
    if link.ask("GET", path, absent=True):
        words = _("%(where)s removes the snapshots of %(name)s when other data comes into it. Nothing was changed.")
        raise EngineError("conflict", "has snapshots", words % {"where": link.where, "name": volume}, retry=False)
