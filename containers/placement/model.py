"""What the scheduler is asked and what it answers. Plain data: nothing here reads a row or an engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

UNKNOWN = math.inf  # a size that no inventory has told yet: it refuses nothing


def allocatable(has: float, reserve: float = 0, overcommit: float = 1) -> float:
    """How much may be promised of what a host has; what is not known (0) refuses nothing."""
    return max(0.0, has - reserve) * overcommit if has else UNKNOWN


@dataclass(frozen=True, slots=True)
class Host:
    """A host. CPUs in cores, memory in bytes; `real_*`: what is promised below it needs no overcommit."""

    pk: int
    name: str
    cpus: float = UNKNOWN  # may be promised in all: what it has − the reserve, × overcommit
    memory: float = UNKNOWN
    real_cpus: float = UNKNOWN
    real_memory: float = UNKNOWN
    used_cpus: float = 0  # is promised already
    used_memory: int = 0
    instances: int = 0
    room: int = 0  # its group; 0: of none
    room_name: str = ""
    closed: str = ""  # why it takes nothing, in words («cordoned: disk»); empty: it takes instances
    labels: Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""
    segments: frozenset[int] = frozenset()
    images: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """Where instances of a place may and should stand.

    `pack`: the fullest host that fits is taken, so that others stay empty; else they are spread over hosts. `rooms`: spread
    over rooms first. `per_host`, `per_room`: so many of the place at most (0: any number). `avoid`: services that never
    stand on one host with it. Labels are «key» or «key=value».
    """

    pack: bool = False
    rooms: bool = False
    per_host: int = 0
    per_room: int = 0
    avoid: frozenset[int] = frozenset()
    labels: frozenset[str] = frozenset()
    unlabels: frozenset[str] = frozenset()


DEFAULT = Rules()


@dataclass(frozen=True, slots=True)
class Demand:
    """So many new instances of a place. `place` and `key` together name it; lower `priority` is served first."""

    place: int
    count: int
    cpus: float
    memory: int
    service: int = 0
    key: int = 0
    priority: int = 0
    rules: Rules = DEFAULT
    groups: frozenset[int] = frozenset()  # only hosts of these; empty: of any
    segment: int | None = None
    segment_name: str = ""
    new_address: bool = True  # takes a free one of the segment; a move brings its own
    architecture: str = ""
    image: str = ""
    only: frozenset[int] | None = None  # somebody's choice, or where the image lies
    not_on: frozenset[int] = frozenset()
    missing: Mapping[int, str] = field(default_factory=dict)  # host → what it lacks of what the settings want
    leaves: int | None = None  # a move: where the one instance stands now


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the instances of a place stand: host → how many. Their limits are in `Host.used_*` already."""

    place: int
    service: int
    hosts: Mapping[int, int]
    avoid: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a host lacks for one more instance.

    `kind`: cpus, memory (`amount`: how much more would do), state, group, segment, label, unlabel, architecture, missing,
    avoid, per_host, per_room. `name`: of the label, segment, reason.
    """

    kind: str
    amount: float = 0
    needed: float = 0
    has: float = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Remedy:
    """All that a host lacks: with it one more instance fits there."""

    host: int
    host_name: str
    room: int
    room_name: str
    lacks: tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What does not fit of a demand, and what would make it fit, the least first.

    `addresses`: so many more free ones are needed; without `remedies` only these are. `nowhere`: no host comes into question.
    """

    place: int
    key: int
    asked: int
    fits: int
    remedies: tuple[Remedy, ...] = ()
    addresses: int = 0
    segment: int | None = None
    segment_name: str = ""
    nowhere: bool = False

    @property
    def missing(self) -> int:
        return self.asked - self.fits


@dataclass(frozen=True, slots=True)
class Assignment:
    """The hosts of a demand's instances, in the order in which they were picked."""

    place: int
    key: int
    hosts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    assignments: tuple[Assignment, ...]
    refusals: tuple[Refusal, ...] = ()

    @property
    def fits(self) -> bool:
        return not self.refusals

    def hosts(self, place: int, key: int = 0) -> tuple[int, ...]:
        return next((one.hosts for one in self.assignments if (one.place, one.key) == (place, key)), ())

    def refusal(self, place: int, key: int = 0) -> Refusal | None:
        return next((one for one in self.refusals if (one.place, one.key) == (place, key)), None)
