"""When states of instances and places held, as far as rows and series still tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from containers import happenings
from containers.models import Deployment, InstanceEvent
from xqplatform import metrics
from xqplatform.alerts.sources import Was
from xqplatform.alerts.subjects import number

WELL = 0.5  # an average of «healthy» (1) and «unhealthy» (0) that is below this is not well


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _events(
    kind: str, of: Sequence[str], start: float, end: float, *, stays: timedelta, least: int = 1
) -> Iterator[Was]:
    """A row is one state: from its first time until so long after its last one."""
    rows = InstanceEvent.objects.filter(
        kind=kind,
        instance__in=[number(one) for one in of],
        last__gte=_at(start) - stays,
        time__lte=_at(end),
        count__gte=least,
    )
    for pk, first, last in rows.values_list("instance_id", "time", "last"):
        ended = (last + stays).timestamp()
        yield Was(f"instance:{pk}", first.timestamp(), ended if ended <= end else None)


def kills(stays: timedelta, of: Sequence[str], start: float, end: float) -> Iterator[Was]:
    return _events(InstanceEvent.Kind.OOM, of, start, end, stays=stays)


def restarts(least: int, of: Sequence[str], start: float, end: float) -> Iterator[Was]:
    return _events(InstanceEvent.Kind.RESTART, of, start, end, stays=happenings.AGAIN, least=least)


def releases(stays: timedelta, of: Sequence[str], start: float, end: float) -> Iterator[Was]:
    """A failed one counts until the next one ended, `stays` at the longest."""
    places = [number(one) for one in of]
    rows = Deployment.objects.filter(
        place__in=places, state__in=Deployment.TERMINAL, finished__gte=_at(start) - stays, finished__lte=_at(end)
    )
    ended: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for place, finished, state in rows.order_by("finished", "pk").values_list("place_id", "finished", "state"):
        if finished is not None:
            ended[place].append((finished.timestamp(), state))
    for place, rows_of in ended.items():
        for (moment, state), after in zip(rows_of, [*(time for time, _s in rows_of[1:]), end + 1], strict=True):
            if state in {Deployment.State.FAILED, Deployment.State.ROLLED_BACK}:
                until = min(after, moment + stays.total_seconds())
                yield Was(f"place:{place}", moment, until if until <= end else None)


def unhealthy(of: Sequence[str], start: float, end: float) -> Iterator[Was]:
    """From the series of health; a gap ends it, since nobody knows."""
    for row in metrics.series(of, ["health"], start, end, points=round((end - start) / 60)):
        began = last = None
        for point in row.points:
            if point.avg < WELL:
                if began is not None and last is not None and point.time - last > 3 * row.level:
                    yield Was(row.subject, began, last + row.level)
                    began = None
                began, last = began if began is not None else point.time, point.time
            elif began is not None:
                yield Was(row.subject, began, point.time)
                began = None
        if began is not None and last is not None:
            yield Was(row.subject, began, None if end - last <= 3 * row.level else last + row.level)
