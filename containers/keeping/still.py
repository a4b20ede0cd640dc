"""Holding instances still while their data is snapshot. Whatever happens they go on: who holds them stands in the row before they
are held, so that any worker that finds the row can let them go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from containers.keeping.models import Snapshot
from containers.models import Instance
from hosts.volume_types import Volumes


def let_go(row: Snapshot, volumes: Volumes) -> None:
    """Lets all go on that stand still for this snapshot, and counts how long that was. Raises EngineError."""
    if not row.held:
        return
    for container in row.held:
        volumes.thaw(container)
    row.still_ms += _since(row.held_since)
    row.held, row.held_since = [], None
    row.save(update_fields=["held", "held_since", "still_ms"])


@contextmanager
def held(row: Snapshot, volumes: Volumes, containers: Iterable[str]) -> Iterator[None]:
    """Nothing in these containers moves inside the `with`."""
    let_go(row, volumes)
    # One that somebody else holds stays held: it is not ours to let go.
    row.held = [one for one in containers if not volumes.frozen(one)]
    row.held_since = timezone.now()
    row.save(update_fields=["held", "held_since"])
    try:
        for container in row.held:
            volumes.freeze(container)
        yield
    finally:
        let_go(row, volumes)


def of(instance: Instance) -> bool:
    """Whether the instance is held for a snapshot, or was within the last minute, for which it may still be seen so."""
    since = timezone.now() - timedelta(minutes=1)
    lately = Q(state=Snapshot.State.TAKING) | Q(created__gte=since) | Q(operation__ended__gte=since)
    return Snapshot.objects.filter(lately, instance=instance).exists()


def _since(moment: datetime | None) -> int:
    return max(0, int((timezone.now() - moment).total_seconds() * 1000)) if moment is not None else 0
