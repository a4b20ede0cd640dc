"""Other data into a volume that is there: not where the server would remove the volume's snapshots for it."""

from __future__ import annotations

from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError
from hosts.lxd import pools
from hosts.lxd.link import Link


def check(link: Link, pool: str, volume: str) -> None:
    """Asked before a volume is filled from another one. Raises EngineError, kind `conflict`: it has snapshots, and they would go."""
    path = f"/storage-pools/{quote(pool, safe='')}"
    if link.ask("GET", path).get("driver") not in pools.NEWEST:
        return
    if link.ask("GET", f"{path}/volumes/custom/{quote(volume, safe='')}/snapshots", absent=True):
        words = _(
            "The pool %(pool)s of %(where)s removes the snapshots of %(name)s when other data comes into it. Nothing was changed."
        )
        values = {"pool": pool, "where": link.where, "name": volume}
        raise EngineError("conflict", "has snapshots", words % values, retry=False)
