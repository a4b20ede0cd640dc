"""What is promised now: the limits of the instances that stand somewhere."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from containers.models import Instance
from containers.services.capacity import NOTHING, Size, sizes


@dataclass
class Promised:
    """To the instances of a host or a place."""

    cpus: float = 0.0
    memory: int = 0  # bytes
    instances: int = 0

    def add(self, size: Size, times: int) -> None:
        self.cpus += size.cpus * times
        self.memory += size.memory * times
        self.instances += times


@dataclass(frozen=True)
class Committed:
    hosts: dict[int, Promised]
    places: dict[int, Promised]


def by_host() -> dict[int, Promised]:
    of, found = sizes(), defaultdict[int, Promised](Promised)
    for host, place, count in _counted("host_id", "place_id"):
        found[host].add(of.get(place, NOTHING), count)
    return found


def by_place() -> dict[int, Promised]:
    of, found = sizes(), defaultdict[int, Promised](Promised)
    for place, count in _counted("place_id"):
        found[place].add(of.get(place, NOTHING), count)
    return found


def _counted(*by: str) -> QuerySet[Instance, tuple[int, ...]]:
    standing = Instance.objects.filter(removed=None).order_by()
    return standing.values_list(*by).annotate(n=Count("pk"))
