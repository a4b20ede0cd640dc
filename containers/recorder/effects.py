"""What a release changed on its instances: measurements before and after, and the alerts that fired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Sum

from containers.models import Deployment, InstanceEvent
from xqplatform import metrics
from xqplatform.alerts.models import Alert
from xqplatform.metrics import catalogue

AROUND = 1800.0  # seconds before and after, of the charts and of alerts
COMPARED = 900.0  # seconds before and after, of the table
POINTS = 15
MOST_APP, MOST_ALERTS = 12, 200
COMPARED_METRICS = ("cpu.cores", "memory.working_set")


@dataclass(frozen=True)
class Times:
    """Unix seconds; `end` is now while it runs."""

    begin: float
    end: float
    now: float

    @property
    def before(self) -> tuple[float, float]:
        return self.begin - COMPARED, self.begin

    @property
    def after(self) -> tuple[float, float]:
        return self.end, min(self.now, self.end + COMPARED)

    @property
    def around(self) -> tuple[float, float]:
        return self.begin - AROUND, min(self.now, self.end + AROUND)

    @property
    def measured(self) -> float:
        """Seconds that have passed since the end, of those that are compared."""
        first, last = self.after
        return max(0.0, last - first)


@dataclass(frozen=True)
class Change:
    """A metric's mean over all instances; None where nothing was measured."""

    name: str
    unit: str
    before: float | None
    after: float | None

    @property
    def percent(self) -> int | None:
        """How much more (or less) it is after; None where that says nothing."""
        if not self.before or self.after is None:
            return None
        return round(100 * (self.after - self.before) / abs(self.before))


def times_of(row: Deployment, now: float) -> Times:
    begin = (row.started or row.created).timestamp()
    return Times(begin, row.finished.timestamp() if row.finished else max(begin, now), now)


def changes_of(row: Deployment, now: float) -> list[Change]:
    """CPU, memory, restarts, and what the application tells itself, before and after."""
    instances = list(row.steps.values_list("instance", flat=True))
    subjects = [f"instance:{pk}" for pk in instances]
    if not subjects:
        return []
    times = times_of(row, now)
    names = [*COMPARED_METRICS, *_told(subjects, times)]
    old, new = _means(subjects, names, *times.before), _means(subjects, names, *times.after)
    found = [
        Change(str(catalogue.find(n).title or n), catalogue.find(n).unit, old.get(n), new.get(n))
        for n in names
        if n in old or n in new
    ]
    restarts = catalogue.find("restarts")
    counts = [_restarts(instances, *times.before), _restarts(instances, *times.after)]
    own = sum(name in COMPARED_METRICS for name in {*old, *new})
    return [*found[:own], Change(str(restarts.title), restarts.unit, *counts), *found[own:]]


def _told(subjects: Sequence[str], times: Times) -> list[str]:
    """Names of what the application tells, of the first instances (all tell the same)."""
    found = {name for subject in subjects[:3] for name in metrics.names(subject, *times.around)}
    return sorted(name for name in found if name.startswith(catalogue.APP))[:MOST_APP]


def _means(subjects: Sequence[str], names: Sequence[str], start: float, end: float) -> dict[str, float]:
    if end - start < 1:
        return {}
    bands = metrics.bands(subjects, names, start, end, POINTS)
    found = {}
    for name, band in bands.items():
        if count := sum(point.count for point in band.points):
            found[name] = sum(point.mean * point.count for point in band.points) / count
    return found


def _restarts(instances: Sequence[int], start: float, end: float) -> float:
    rows = InstanceEvent.objects.filter(
        kind=InstanceEvent.Kind.RESTART, instance__in=instances, time__gte=_at(start), time__lt=_at(end)
    )
    return float(rows.aggregate(n=Sum("count"))["n"] or 0)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def alerts_of(row: Deployment) -> list[Alert]:
    """Those that fired on its instances, their hosts, or its place, from its begin to half an hour after its end."""
    steps = list(row.steps.select_related("instance__host", "host", "old_host"))
    hosts = {h.pk for s in steps for h in (s.instance.host, s.host, s.old_host) if h is not None}
    subjects = [f"place:{row.place_id}", *(f"instance:{s.instance_id}" for s in steps), *(f"host:{pk}" for pk in hosts)]
    begin = row.started or row.created
    rows = Alert.objects.filter(subject__in=subjects, fired__gte=begin)
    if row.finished is not None:
        rows = rows.filter(fired__lte=row.finished + timedelta(seconds=AROUND))
    return list(rows.order_by("fired", "id")[:MOST_ALERTS])


def as_json(row: Deployment, now: float) -> dict[str, Any]:
    changes = [
        {"metric": c.name, "unit": c.unit, "before": c.before, "after": c.after, "percent": c.percent}
        for c in changes_of(row, now)
    ]
    names = ("id", "severity", "words", "fired", "resolved")
    fired = [
        {name: getattr(one, name) for name in names} | {"rule": one.rule_name, "about": one.name}
        for one in alerts_of(row)
    ]
    return {"changes": changes, "alerts": fired}
