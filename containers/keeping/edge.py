"""The door to what a host's runtime can do with volumes."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from hosts.engine import EngineError, connect
from hosts.models import Host
from hosts.volume_types import Volume, Volumes


def volumes_of(host: Host) -> Volumes:
    """Raises EngineError where the host's runtime keeps none."""
    found = connect(host).volumes
    if found is None:
        words = _("Volumes of %(host)s have no snapshots.") % {"host": host}
        raise EngineError("other", "no volumes", words, retry=False)
    return found


def as_volume(one: dict[str, Any]) -> Volume:
    """A volume as a row tells it."""
    return Volume(one["name"], one["target"], one["pool"], one.get("size"))


def as_json(one: Volume) -> dict[str, Any]:
    return {"name": one.name, "pool": one.pool, "target": one.target, "size": one.size}
