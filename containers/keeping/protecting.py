"""How the data of places is protected, read from rows: a few queries, whatever their number."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from containers.keeping import backup_rules, shape
from containers.keeping.models import Backup, BackupPolicy, Drill, Snapshot, SnapshotPolicy
from containers.keeping.protection import STATES, Data, Kind, Promise, Protection, State, judge
from containers.keeping.protection_words import said
from containers.models import Instance, ServiceEnvironment
from hosts.runtimes import TRAITS


@dataclass(frozen=True)
class Line:
    """A place with data; the properties are for lists."""

    place: ServiceEnvironment
    found: Protection
    target: str  # the store that its backups go to by schedule; empty: none
    instances: int

    @property
    def service(self) -> str:
        return self.place.service.slug

    @property
    def environment(self) -> str:
        return self.place.environment.slug

    @property
    def team(self) -> str:
        return self.place.service.team.slug if self.place.service.team else ""

    @property
    def state(self) -> State:
        return self.found.state

    @property
    def good(self) -> datetime | None:
        return self.found.good

    @property
    def drilled(self) -> datetime | None:
        return self.found.drilled

    @property
    def worst(self) -> tuple[int, int, datetime, str, str]:
        """The worst first: by state, then what is wrong, then how old its backups are."""
        kinds = list(Kind)
        risk = kinds.index(self.found.risks[0].kind) if self.found.risks else len(kinds)
        never = datetime.min.replace(tzinfo=UTC)
        return STATES.index(self.state), risk, self.good or never, self.service, self.environment

    @property
    def words(self) -> list[str]:
        return [said(risk) for risk in self.found.risks]


def lines(places: QuerySet[ServiceEnvironment], now: datetime | None = None) -> list[Line]:
    """Of those of `places` that are stateful and have instances, the worst first."""
    now = now or timezone.now()
    instances = _instances().filter(place__in=places.order_by().values("pk"))
    of_place: dict[int, list[Data]] = defaultdict(list)
    for row in instances:
        of_place[row.place_id].append(_data(row))
    found = ServiceEnvironment.objects.filter(pk__in=of_place).select_related("service__team", "environment")
    backups = {one.place_id: one for one in BackupPolicy.objects.select_related("target").filter(place__in=of_place)}
    snapshots = {one.place_id: one for one in SnapshotPolicy.objects.filter(place__in=of_place)}
    made = []
    for place in found:
        policy, data = backups.get(place.pk), of_place[place.pk]
        promise = _promise(policy, snapshots.get(place.pk))
        target = policy.target.name if policy is not None and policy.target is not None else ""
        made.append(Line(place, judge(promise, data, now), target, len(data)))
    return sorted(made, key=lambda line: line.worst)


def line(place: ServiceEnvironment) -> Line | None:
    """None: it has no data here."""
    return next(iter(lines(ServiceEnvironment.objects.filter(pk=place.pk))), None)


def _promise(backups: BackupPolicy | None, snapshots: SnapshotPolicy | None) -> Promise:
    return Promise(
        backup_rules.parse(backups.content) if backups is not None and backups.target_id else None,
        backups.changed if backups is not None else None,
        shape.parse(snapshots.content) if snapshots is not None else shape.USUAL,
        snapshots.changed if snapshots is not None else None,
    )


def _instances() -> QuerySet[Instance]:
    """Those that stand and have data, with what is known of it."""
    rows = Instance.objects.filter(removed=None, place__service__kind="stateful", place__service__removed=None)
    mine, of = OuterRef("pk"), Backup.objects.filter(instance=OuterRef("pk"))
    good = of.filter(state=Backup.State.READY).exclude(taken=None).order_by("-taken")
    missed = of.filter(why=Backup.Why.SCHEDULE, state=Backup.State.FAILED).exclude(ended=None)
    # A good one that was begun later than one that failed makes up for it.
    missed = missed.filter(created__gt=Coalesce(OuterRef("good_begun"), OuterRef("created")))
    # One that could not be tried says nothing of its backup; where none can be, they are overdue.
    none = (Drill.State.RUNNING, Drill.State.BROKEN)
    drills = Drill.objects.filter(backup__instance=mine).exclude(state__in=none).order_by("-pk")
    kept = Snapshot.objects.filter(instance=mine, state=Snapshot.State.READY).exclude(taken=None).order_by("-taken")
    rows = rows.annotate(good=_first(good, "taken"), good_begun=_first(good, "created"))
    return rows.annotate(
        failed=_first(missed.order_by("pk"), "ended"),
        failed_words=_first(missed.order_by("-pk"), "words"),
        failed_said=_first(missed.order_by("-pk"), "operation__words"),
        drill=_first(drills, "state"),
        drilled=_first(drills, "ended"),
        drill_words=_first(drills, "words"),
        drill_said=_first(drills, "operation__words"),
        passed=_first(drills.filter(state=Drill.State.STARTS), "ended"),
        snapshot=_first(kept, "taken"),
        runtime=F("host__runtime"),
    ).order_by("place", "number")


def _first(rows: QuerySet[Any], name: str) -> Subquery:
    return Subquery(rows.values(name)[:1])


def _data(row: Instance) -> Data:
    of = row.__dict__  # what the query adds
    return Data(
        row.number,
        row.created,
        TRAITS[of["runtime"]].keeps,
        of["good"],
        of["failed"],
        of["failed_words"] or of["failed_said"] or "",
        of["drill"] or "",
        of["drilled"],
        of["drill_words"] or of["drill_said"] or "",
        of["passed"],
        of["snapshot"],
    )
