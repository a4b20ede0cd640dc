"""The fleet as scenarios see it: hosts and demands of the scheduler, with the names that changes are written with. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from containers.placement import DEFAULT, Demand, Host, Rules, allocatable

GIB = 1024**3


@dataclass(slots=True)  # not frozen: there are as many as instances, and each is made in a third of the time
class Held:
    """So many instances of a place on a host, with addresses of one segment."""

    host: int
    count: int
    segment: int | None = None


@dataclass(frozen=True)
class Place:
    """A service in an environment. `one`: what one more instance of it asks for."""

    name: str
    service: str
    one: Demand
    held: tuple[Held, ...] = ()
    data: str = ""

    @property
    def instances(self) -> int:
        return sum(one.count for one in self.held)


@dataclass(frozen=True)
class Environment:
    """Where new services of it may stand."""

    groups: frozenset[int] = frozenset()
    segment: int | None = None
    segment_name: str = ""
    rules: Rules = DEFAULT


@dataclass(frozen=True)
class Group:
    """A room or cloud, and what overcommit and reserve make of a host in it: (cores, bytes) → a host's sizes."""

    pk: int
    title: str
    reserve_cpus: float = 0.0
    reserve_memory: float = 0.0
    overcommit_cpus: float = 1.0
    overcommit_memory: float = 1.0

    def host(self, cpus: float, memory: float) -> Host:
        """An empty one of it."""
        return Host(
            pk=0,
            name="",
            cpus=allocatable(cpus, self.reserve_cpus, self.overcommit_cpus),
            memory=allocatable(memory, self.reserve_memory, self.overcommit_memory),
            real_cpus=allocatable(cpus, self.reserve_cpus),
            real_memory=allocatable(memory, self.reserve_memory),
            room=self.pk,
            room_name=self.title,
        )


@dataclass(frozen=True)
class Fleet:
    """As it is. Names are those that changes are written with."""

    hosts: tuple[Host, ...]
    places: tuple[Place, ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)
    ungrouped: Group = Group(0, "")
    environments: Mapping[str, Environment] = field(default_factory=dict)
    addresses: Mapping[int, int] = field(default_factory=dict)

    def title(self, room: int) -> str:
        return next((one.title for one in self.groups.values() if one.pk == room), "") or "–"
