"""What a day's points say of a host or of all instances of a place together. Pure."""

from __future__ import annotations

import math
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xqplatform.metrics.points import Point

THROTTLED = 0.05  # seconds a second from which a piece of time counts as throttled


@dataclass(frozen=True)
class Used:
    """None where nothing was measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of rising values that weigh the same, between the two nearest in proportion. Raises ValueError where there is none."""
    if not ordered:
        raise ValueError("no values")
    at = share * (len(ordered) - 1)
    low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
    return min(max(low + (high - low) * (at - math.floor(at)), low), high)


def used(values: Iterable[float]) -> Used:
    ordered = sorted(values)
    if not ordered:
        return Used()
    p50, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
    return Used(p50, p95, p99, ordered[-1])


def of_points(points: Iterable[Point]) -> Used:
    return used(point.avg for point in points)


def together(series: Iterable[Sequence[Point]]) -> Used:
    """Many subjects at once: each piece of time is the sum of those that were measured in it."""
    sums: dict[float, float] = defaultdict(float)
    for points in series:
        for point in points:
            sums[point.time] += point.avg
    return used(sums.values())


def highest_p99(series: Iterable[Sequence[Point]]) -> float | None:
    """Of the subject that has the highest."""
    return max((found for points in series if (found := of_points(points).p99) is not None), default=None)


def highest_sample(series: Iterable[Sequence[Point]]) -> float | None:
    return max((point.max for points in series for point in points), default=None)


def throttled(series: Iterable[Sequence[Point]]) -> float | None:
    """The share of all subjects' pieces of time that were throttled, 0 to 1."""
    pieces = [point.avg >= THROTTLED for points in series for point in points]
    return sum(pieces) / len(pieces) if pieces else None


def counted(series: Iterable[Sequence[Point]]) -> int | None:
    """How often it happened, of a metric whose samples say how often it did in their tick."""
    found = [point.avg * point.count for points in series for point in points]
    return max(0, round(sum(found))) if found else None


def mount_of(folder: str, mounts: Iterable[str]) -> str | None:
    """The mount that a folder lies on."""
    path = posixpath.normpath(folder or "/")
    fits = [m for m in mounts if m == "/" or path == m or path.startswith(m.rstrip("/") + "/")]
    return max(fits, key=len, default=None)


def whole(value: float | None) -> int | None:
    return None if value is None else round(value)
