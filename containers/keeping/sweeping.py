"""Puts right the rows of operations that ended without undoing: cancelled before they began, given up, or removed with their host."""

from __future__ import annotations

import logging

from django.db.models import Q, QuerySet

from containers.keeping import edge, restoring, still, taking
from containers.keeping.models import Restore, Snapshot
from containers.keeping.operations import ROWS
from containers.models import Deployment
from hosts.engine import EngineError
from hosts.models import HostOperation

log = logging.getLogger(__name__)


def sweep() -> None:
    for restore in _left(Restore.objects.select_related(*restoring.ROWS)).filter(state=Restore.State.RUNNING):
        if not restoring.swept(restore):
            log.warning("What putting back %s left could not be put right yet", restore)
    rows = _left(Snapshot.objects.select_related(*ROWS, "operation"))
    for row in rows.filter(Q(state=Snapshot.State.TAKING) | ~Q(held=[])):
        _fail(row)
    # A removal is asked for again by whoever wanted it.
    for row in rows.filter(state=Snapshot.State.DROPPING):
        taking.changed(row, state=Snapshot.State.READY)


def _left(rows: QuerySet) -> QuerySet:  # type: ignore[type-arg]
    """Those that nobody works on any more: neither an operation nor a release."""
    active = rows.exclude(operation__state__in=HostOperation.ACTIVE)
    return active.exclude(deployment__state__in=Deployment.ACTIVE)


def _fail(row: Snapshot) -> None:
    try:
        volumes = edge.volumes_of(row.host)
        if row.state == Snapshot.State.TAKING:
            taking.give_up(row, volumes, row.operation.words if row.operation else "")
        else:
            still.let_go(row, volumes)
    except EngineError as error:
        log.warning("What stands still for %s could not be let go: %s", row, error)
