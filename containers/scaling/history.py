"""What all instances of a place together did: now, and in the past. The only reader of series here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from containers.models import Instance, ServiceEnvironment
from xqplatform import metrics

WEEK = 7 * 86_400.0
MOST = 1000  # instances whose series are read together
Samples = dict[int, list[tuple[float, float]]]


def samples(instances: Collection[int], names: Collection[str], since: float, now: float) -> dict[str, Samples]:
    """By metric and instance (moment, value), oldest first; read at once for all of them."""
    found: dict[str, Samples] = {name: {} for name in names}
    if not instances or not names:
        return found
    look = metrics.look([f"instance:{pk}" for pk in instances], since, now, points=4000, metrics=sorted(names))
    for one in look.series(sorted(names)):
        found[one.metric][int(one.subject.partition(":")[2])] = [(point.time, point.avg) for point in one.points]
    return found


def stood(place: ServiceEnvironment, since: float, until: float, most: int = MOST) -> tuple[list[str], float]:
    """The subjects of all instances of the place that stood at some time of the range, and since when that is all of them: of a place
    that changes much only the newest part of a range is read.
    """
    first, last = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
    rows = Instance.objects.filter(place=place, created__lte=last).order_by()
    standing = list(rows.filter(removed=None).values_list("pk", flat=True))
    room = max(1, most - len(standing))
    newest = rows.filter(removed__gte=first).order_by("-removed", "pk").values_list("pk", "removed")[: room + 1]
    gone = [(pk, at.timestamp()) for pk, at in newest if at is not None]
    reach = since
    if len(gone) > room:
        reach = min(until, gone.pop()[1] + 1)
        gone = [one for one in gone if one[1] >= reach]
    return [f"instance:{pk}" for pk in (*standing, *(pk for pk, _at in gone))], reach


def sums(
    place: ServiceEnvironment, names: Sequence[str], since: float, until: float, points: int = 400
) -> Mapping[str, list[tuple[float, float, int]]]:
    """By metric: (moment, sum over all instances, how many were measured)."""
    subjects, reach = stood(place, since, until)
    bands = metrics.bands(subjects, names, since, until, points)
    return {
        name: [(p.time, p.mean * p.count, p.count) for p in band.points if p.time >= reach]
        for name, band in bands.items()
    }


def weeks(place: ServiceEnvironment, metric: str, now: float, minutes: int, count: int) -> list[float | None]:
    """The highest sum of the minutes ahead, of the same weekday in each of the last weeks; None where nothing is kept."""
    found: list[float | None] = []
    for week in range(1, count + 1):
        at = now - week * WEEK
        told = sums(place, [metric], at - 60, at + max(60, minutes * 60), 60)[metric]
        found.append(max((total for _at, total, _n in told), default=None))
    return found
