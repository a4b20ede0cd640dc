"""What the page, the API and the command line read of a place's data: stored rows only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from containers.keeping.models import DataVolume, Restore, Snapshot
from containers.keeping.services.snapshots import instances_of, why_not
from containers.models import Instance, MovedVolume, ServiceEnvironment
from containers.services.planning import config_of
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused


@dataclass
class Line:
    """An instance and its volumes; `why`: why there are no snapshots of it."""

    instance: Instance
    why: str
    volumes: list[DataVolume] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # snapshots on the server that are somebody else's


def lines(place: ServiceEnvironment) -> list[Line]:
    try:
        rows = instances_of(place)
    except Refused:
        return []
    volumes: dict[int, list[DataVolume]] = defaultdict(list)
    for one in DataVolume.objects.filter(instance__in=rows):
        volumes[one.instance_id].append(one)
    found = []
    for row in rows:
        its = volumes[row.pk]
        others = [f"{one.name}/{name}" for one in its for name in one.others]
        found.append(Line(row, why_not(row), its, others))
    return found


def why_nothing(place: ServiceEnvironment, rows: list[Line]) -> str:
    """One sentence where no instance of the place has snapshots; empty: some have."""
    if any(not line.why for line in rows):
        return ""
    if place.service.kind != place.service.Kind.STATEFUL:
        return _("This service is stateless: it keeps no data here.")
    return rows[0].why if rows else _("There are no instances here yet.")


def stops_bare(place: ServiceEnvironment) -> bool:
    """Whether a stop by the platform does more than the stop of somebody who puts data back: hooks run, or traffic is drained."""
    config = config_of(place.current_config or place.config)
    return bool(config.hooks) or config.traffic.way != "none"


def moved_of(actor: Actor, place: ServiceEnvironment) -> QuerySet[MovedVolume]:
    """Volumes that moves made or left, as long as they are there; the newest first."""
    rows = visible(actor, MovedVolume).filter(instance__place=place, removed=None)
    return rows.select_related("instance__place__service", "instance__place__environment", "host", "step__deployment")


def snapshots_of(actor: Actor, place: ServiceEnvironment) -> QuerySet[Snapshot]:
    """All that are, or shall be, or just failed; the newest first."""
    rows = visible(actor, Snapshot).filter(instance__place=place).exclude(state=Snapshot.State.GONE)
    return rows.select_related(
        "instance__place__service__team", "instance__place__environment", "host", "operation__host"
    )


def restores_of(actor: Actor, place: ServiceEnvironment) -> QuerySet[Restore]:
    """When data was put back, the newest first."""
    rows = visible(actor, Restore).filter(instance__place=place)
    return rows.select_related(
        "instance__place__service", "instance__place__environment", "snapshot", "backup", "safety", "operation__host"
    )
