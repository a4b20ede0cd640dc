"""What is promised: the limits of the instances that stand somewhere."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count

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


def committed() -> Committed:
    """By host and by place, as it is now."""
    of = sizes()
    hosts: dict[int, Promised] = defaultdict(Promised)
    places: dict[int, Promised] = defaultdict(Promised)
    standing = Instance.objects.filter(removed=None).order_by().values_list("host_id", "place_id")
    for host, place, count in standing.annotate(n=Count("pk")):
        size = of.get(place, NOTHING)
        hosts[host].add(size, count)
        places[place].add(size, count)
    return Committed(hosts, places)
