"""Puts right the rows of operations that ended without undoing: cancelled before they began, given up, or removed with their host."""

from __future__ import annotations

import logging

from django.db.models import Q, QuerySet
from django.utils import timezone

from containers.keeping import edge, restoring, still, taking
from containers.keeping.models import Restore, Snapshot
from containers.keeping.operations import ROWS
from containers.models import Deployment
from containers.services.settings import topic
from hosts.engine import EngineError
from hosts.models import HostOperation
from xqplatform import live

log = logging.getLogger(__name__)


def sweep() -> None:
    for restore in _left(Restore.objects.select_related(*restoring.ROWS)).filter(state=Restore.State.RUNNING):
        if not restoring.swept(restore):
            log.warning("What putting back %s left could not be put right yet", restore)
    rows = _left(Snapshot.objects.select_related(*ROWS, "operation"))
    for row in rows.filter(Q(state=Snapshot.State.TAKING) | ~Q(held=[])):
        _fail(row)
    for row in rows.filter(state=Snapshot.State.DROPPING):
        _broken_off(row)


def _broken_off(row: Snapshot) -> None:
    """A removal. Where nothing of it is gone it is asked for again by whoever wanted it; else nobody can put it back: the rest goes."""
    try:
        volumes, found = edge.volumes_of(row.host), [edge.as_volume(one) for one in row.volumes]
        state, removed = Snapshot.State.READY, None
        if not all(row.label in volumes.snapshots(one) for one in found):
            for one in found:
                volumes.drop(one, row.label, taking.DROP_SECONDS)
            state, removed = Snapshot.State.GONE, timezone.now()
    except EngineError as error:
        log.warning("What is left of %s could not be looked at: %s", row, error)
        return
    mine = Snapshot.objects.filter(pk=row.pk, state=Snapshot.State.DROPPING, operation=row.operation_id)
    if mine.update(state=state, removed=removed):
        live.bump(topic(row.instance.place))


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
