"""A service's own series as readings that a cost can be fitted to: load, CPU and memory of its instances at the same moments."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from containers.capacity.load_cost import Reading
from containers.models import ServiceEnvironment
from xqplatform import metrics
from xqplatform.metrics import catalogue
from xqplatform.metrics.points import Series

CPU, MEMORY = "cpu.cores", "memory.working_set"
RANGES = {"1h": 3_600, "6h": 6 * 3_600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
POINTS = 360
MOST_READ = 24  # instances: more of them share the load and say the same
SHORTEST = 30.0  # seconds a moment: an application is asked at moments of its own
FOUND_IN = 3  # instances that are asked which series there are


@dataclass(frozen=True)
class Read:
    """`instances`: of how many the series were read, of `standing`."""

    readings: list[Reading]
    instances: int
    standing: int


def load_series(place: ServiceEnvironment) -> list[str]:
    """Names of series that say how much an instance has to do: what its application tells, and what comes in over the network."""
    now = time.time()
    told: set[str] = set()
    for pk in _instances(place)[:FOUND_IN]:
        told |= set(metrics.names(f"instance:{pk}", now - 7 * 86_400, now))
    own = sorted(name for name in told if name.startswith(catalogue.APP))
    return [*sorted(own, key=_unlikely), *(name for name in OTHERS if name in told)]


OTHERS = ("net.rx_packets", "tcp.established")


def _unlikely(name: str) -> bool:
    """Rates of requests come first; times, sizes and shares are no load."""
    return catalogue.find(name).unit in {"seconds", "bytes", "ratio", "percent"}


def read(place: ServiceEnvironment, metric: str, seconds: float) -> Read:
    """What the instances that stand told in the last `seconds`."""
    standing = _instances(place)
    chosen = spread(standing, MOST_READ)
    now = time.time()
    look = metrics.look(
        [f"instance:{pk}" for pk in chosen], now - seconds, now, points=POINTS, metrics=[CPU, MEMORY, metric]
    )
    return Read(together(look.series([CPU, MEMORY, metric]), metric), len(chosen), len(standing))


def _instances(place: ServiceEnvironment) -> list[int]:
    return list(place.instances.filter(removed=None).order_by("number").values_list("pk", flat=True))


def spread(rows: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly."""
    if len(rows) <= most:
        return list(rows)
    return [rows[n * len(rows) // most] for n in range(most)]


def together(series: Iterable[Series], metric: str) -> list[Reading]:
    """Means over the instances that had all three at a moment. Pure."""
    rows = list(series)
    width = max([SHORTEST, *(one.level for one in rows if one.metric in {CPU, MEMORY, metric})])
    cells: dict[tuple[int, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    peaks: dict[int, float] = defaultdict(float)
    for one in rows:
        for point in one.points:
            if math.isfinite(point.avg):
                moment = math.floor(point.time / width)
                cells[moment, one.subject][one.metric].append(point.avg)
                if one.metric == MEMORY:
                    peaks[moment] = max(peaks[moment], point.max)
    moments: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    for (moment, _subject), of in cells.items():
        if CPU in of and MEMORY in of and metric in of:
            load, cpu, memory = (sum(of[name]) / len(of[name]) for name in (metric, CPU, MEMORY))
            moments[moment].append((load, cpu, memory))
    found = []
    for moment, values in sorted(moments.items()):
        load, cpu, memory = (sum(column) / len(values) for column in zip(*values, strict=True))
        found.append(Reading(moment * width, load, cpu, memory, len(values), peaks[moment]))
    return found
