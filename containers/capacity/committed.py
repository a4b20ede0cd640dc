"""What is promised: the limits of the instances that stand somewhere."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count

from containers.models import Instance, ServiceEnvironment


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
class Size:
    """What one instance of a place is promised."""

    cpus: float = 0.0
    memory: int = 0


@dataclass(frozen=True)
class Committed:
    hosts: dict[int, Promised]
    places: dict[int, Promised]


def sizes() -> dict[int, Size]:
    """Place → what one instance is promised: the larger of two settings that may both run while a release is under way."""
    rows = ServiceEnvironment.objects.filter(instances__removed=None, instances__isnull=False).distinct().order_by()
    fields = ("pk", "current_config__content", "config__content", "active__config__content")
    found = {}
    for pk, current, newest, coming in rows.values_list(*fields):
        known = [content for content in (current or newest, coming) if content]
        cpus = max((float(content.get("cpus") or 0) for content in known), default=0.0)
        memory = max((int(content.get("memory") or 0) for content in known), default=0)
        found[pk] = Size(cpus, memory)
    return found


def committed() -> Committed:
    """By host and by place, as it is now."""
    of, nothing = sizes(), Size()
    hosts: dict[int, Promised] = defaultdict(Promised)
    places: dict[int, Promised] = defaultdict(Promised)
    standing = Instance.objects.filter(removed=None).order_by().values_list("host_id", "place_id")
    for host, place, count in standing.annotate(n=Count("pk")):
        size = of.get(place, nothing)
        hosts[host].add(size, count)
        places[place].add(size, count)
    return Committed(hosts, places)
