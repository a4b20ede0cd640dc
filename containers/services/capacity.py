"""What is promised on each host, and that two plans made at the same moment do not both promise the last room."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform

from containers.models import Deployment, Instance, ServiceEnvironment, Step
from xqplatform import locks

KEY = 0x7871_0003  # «xq», and a number of its own


@dataclass
class Promise:
    """CPUs, bytes of memory, and instances of other services; `all`: every instance that stands there."""

    cpus: float = 0.0
    memory: int = 0
    all: int = 0

    def add(self, size: Size, times: int) -> None:
        self.cpus += size.cpus * times
        self.memory += size.memory * times


@dataclass(frozen=True, slots=True)
class Size:
    """What one instance of a place is promised."""

    cpus: float = 0.0
    memory: int = 0


NOTHING = Size()


def lock() -> None:
    """Until the end of the transaction nobody else plans where instances go.

    Called after the place's row is locked and before anything else is. It is no lock on the hosts' rows, because inventories
    write those all the time.
    """
    locks.hold(KEY)


def sizes(instances: QuerySet[Instance] | None = None) -> dict[int, Size]:
    """Place of these instances, or of all that stand → what one is promised: the larger of two settings that may both run while a
    release is under way.

    The numbers alone are read out of the settings, which may be long.
    """
    standing = Instance.objects.filter(removed=None) if instances is None else instances
    rows = ServiceEnvironment.objects.filter(pk__in=standing.order_by().values("place")).order_by()
    found = {}
    numbers = [*_numbers("current_config"), *_numbers("config"), *_numbers("active__config")]
    for pk, standing, *given in rows.values_list("pk", "current_config_id", *numbers):
        now, newest, coming = (size_of(*pair) for pair in zip(given[::2], given[1::2], strict=True))
        one = now if standing else newest
        found[pk] = Size(max(one.cpus, coming.cpus), max(one.memory, coming.memory))
    return found


def _numbers(config: str) -> Iterable[KeyTextTransform]:
    return (KeyTextTransform(name, f"{config}__content") for name in ("cpus", "memory"))


def size_of(cpus: Any, memory: Any) -> Size:
    """As they stand in settings."""
    return Size(float(cpus or 0), int(float(memory or 0)))


def promises(place: ServiceEnvironment) -> Mapping[int, Promise]:
    """Host → what is promised there, by what stands and by changes under way; the place's own instances are only counted."""
    of = sizes()
    found: dict[int, Promise] = defaultdict(Promise)
    rows = Instance.objects.filter(removed=None).order_by().values_list("host_id", "place_id")
    for (host, other), count in Counter(rows).items():  # as quick as rows come; a database would sort them first
        one = found[host]
        one.all += count
        if other != place.pk:
            one.add(of.get(other, NOTHING), count)
    moving = Step.objects.filter(
        deployment__state__in=Deployment.ACTIVE, action=Step.Action.MOVE, state__in=[Step.State.WAITING, *Step.IN_WORK]
    ).exclude(deployment__place=place)
    for host, standing, cpus, memory in moving.values_list("host_id", "instance__host_id", *_numbers("config")):
        if host is not None and standing != host:
            found[host].all += 1
            found[host].add(size_of(cpus, memory), 1)
    return found
