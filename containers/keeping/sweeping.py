"""Puts right the rows of operations that ended without undoing: cancelled before they began, given up, or removed with their host."""

from __future__ import annotations

import logging

from django.db.models import Q
from django.utils import timezone

from containers.keeping import edge, still
from containers.keeping.models import Snapshot
from containers.keeping.operations import DROP_SECONDS, ROWS, changed
from hosts.engine import EngineError
from hosts.models import HostOperation

log = logging.getLogger(__name__)


def sweep() -> None:
    rows = Snapshot.objects.select_related(*ROWS, "operation").exclude(operation__state__in=HostOperation.ACTIVE)
    for row in rows.filter(Q(state=Snapshot.State.TAKING) | ~Q(held=[])):
        _fail(row)
    # A removal is asked for again by whoever wanted it.
    for row in rows.filter(state=Snapshot.State.DROPPING):
        changed(row, state=Snapshot.State.READY)


def _fail(row: Snapshot) -> None:
    """First all go on that stand still for it; then what there is of it goes."""
    try:
        volumes = edge.volumes_of(row.host)
        still.let_go(row, volumes)
        if row.state == Snapshot.State.TAKING:
            for one in row.volumes:
                volumes.drop(edge.as_volume(one), row.label, DROP_SECONDS)
    except EngineError as error:
        log.warning("What stands still for %s could not be let go: %s", row, error)
        return
    if row.state == Snapshot.State.TAKING:
        words = row.operation.words[:500] if row.operation else ""
        changed(row, state=Snapshot.State.FAILED, removed=timezone.now(), words=words)
