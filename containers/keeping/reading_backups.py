"""What the pages, the API and the command line read of backups: stored rows only."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from containers.keeping.models import Backup, Drill
from containers.models import ServiceEnvironment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible

ROWS = (
    "instance__place__service__team",
    "instance__place__environment",
    "instance__address",
    "host",
    "target",
    "operation__host",
)


def backups_of(actor: Actor, place: ServiceEnvironment) -> QuerySet[Backup]:
    """All that are, or shall be, or failed; the newest first, each with its drills."""
    drills = Drill.objects.select_related("host", "operation__host").order_by("-pk")
    rows = visible(actor, Backup).filter(instance__place=place).exclude(state=Backup.State.GONE)
    return rows.select_related(*ROWS).prefetch_related(Prefetch("drills", drills))


def newest_of(place: ServiceEnvironment) -> Backup | None:
    """The newest that is ready, of any instance."""
    rows = Backup.objects.filter(instance__place=place, state=Backup.State.READY)
    return rows.select_related("target").order_by("-taken").first()
