"""Taking a snapshot: all volumes of an instance at one moment. For operations, for releases, and before a restore."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from containers.keeping import edge, seeing, still
from containers.keeping.models import Snapshot
from containers.keeping.policies import policy_of
from containers.services.settings import topic
from hosts.engine import EngineError
from hosts.operations import Failed
from hosts.volume_types import Volume, Volumes
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

DROP_SECONDS = 3600.0
LEAST_FREE = 0.05  # of a pool that copies: what a snapshot must leave, or whoever writes there meanwhile finds it full


def changed(row: Snapshot, **fields: Any) -> None:
    """Saves these fields, and tells pages."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))
    live.bump(topic(row.instance.place))


def take(row: Snapshot, volumes: Volumes, check: Callable[[], None], found: Sequence[Volume] = ()) -> None:
    """Safe to repeat: what there is of it is made anew. `found`: which volumes (those of the instance, unless somebody says others).

    Raises Failed in words, EngineError, and what `check` does, which is asked between two volumes. Whatever is raised, nobody is
    held still any more when this returns, unless the server cannot be reached: then `still.let_go` has to be called again.
    """
    if not found:
        current = row.instance.current
        if current is None:
            raise Failed(_("%(instance)s has no container.") % {"instance": row.instance})
        found = volumes.of(current.engine_id)
    if not found:
        raise Failed(_("%(instance)s has no volumes.") % {"instance": row.instance})
    found = seeing.with_sizes(row.instance, found)
    _room(volumes, found)
    changed(row, volumes=[edge.as_json(one) for one in found])
    most = policy_of(row.instance.place).most_still
    sharing = sorted({user for one in found for user in one.users})
    with still.held(row, volumes, sharing):
        until = time.monotonic() + most
        row.taken = timezone.now()
        for one in found:
            check()
            try:
                volumes.take(one, row.label, max(1.0, until - time.monotonic()))
            except EngineError as error:
                if error.kind != "timeout":
                    raise
                words = _(
                    "It was not taken within %(s)s s, so %(instance)s goes on without: allow it to stand still longer."
                )
                raise Failed(words % {"s": most, "instance": row.instance}) from error
    row.save(update_fields=["taken"])


def of_all(volumes: Volumes, containers: Sequence[str]) -> list[Volume]:
    """Each once, whoever of these has it."""
    found: dict[tuple[str, str], Volume] = {}
    for container in containers:
        for one in volumes.of(container):
            found.setdefault((one.pool, one.name), one)
    return list(found.values())


def _room(volumes: Volumes, found: Sequence[Volume]) -> None:
    """Refuses what would fill a pool: a snapshot that fails halfway there takes the others' data with it."""
    for pool in sorted({one.pool for one in found if one.copies}):
        room = volumes.room(pool)
        if room is None:
            continue
        more = sum(one.size or 0 for one in found if one.pool == pool)
        if room.free - more < room.total * LEAST_FREE:
            words = _(
                "The pool %(pool)s copies data and has %(free)d MiB left, too little for a snapshot of %(size)d MiB."
            )
            raise Failed(words % {"pool": pool, "free": room.free >> 20, "size": more >> 20})


def ready(row: Snapshot) -> None:
    """It is whole: said, and kept from now on."""
    changed(row, state=Snapshot.State.READY)
    after = {
        "snapshot": row.pk,
        "why": str(row.why),
        "volumes": [one["name"] for one in row.volumes],
        "still_ms": row.still_ms,
    }
    place = row.instance.place
    audit.record(Actor.system("keeping"), "data.snapshot.taken", row.instance, after=after, parent=place)


def give_up(row: Snapshot, volumes: Volumes, words: str = "") -> None:
    """Lets all go on that stand still for it, first of all; then what there is of it goes. Raises EngineError."""
    still.let_go(row, volumes)
    for one in row.volumes:
        volumes.drop(edge.as_volume(one), row.label, DROP_SECONDS)
    changed(row, state=Snapshot.State.FAILED, removed=timezone.now(), words=words[:500])
