"""From an expected load to instances and limits of a service in an environment, and whether they fit and where.

Reads only: what it costs is fitted to the service's own series when somebody asks, and the plan is the one that scaling would make.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from containers.capacity import load_cost, load_readings
from containers.capacity.load_cost import Cost, Need, NoFit, Reading
from containers.config import Config, parse
from containers.models import ConfigVersion, ServiceEnvironment
from containers.plan import Policy
from containers.services.planning import plan_for
from hosts.models import Host
from xqplatform.errors import Refused

MOST_SCALED = 500  # what the form of scaling takes
TARGET = 0.6


@dataclass(frozen=True)
class Asked:
    """`load`: of all instances together, None to look at the fit only; limits of one: 0 is none. `target`: 0 to 1."""

    place: ServiceEnvironment
    metric: str
    range: str
    load: float | None
    target: float
    cpus: float
    memory: int


@dataclass(frozen=True)
class Room:
    """A group's part of the new instances."""

    name: str
    instances: int
    hosts: list[tuple[str, int]]


@dataclass(frozen=True)
class Fit:
    """What the plan of scaling to `wanted` with these limits says. `refusal`: why it cannot be done, else empty."""

    wanted: int
    standing: int
    refusal: str = ""
    rooms: list[Room] = field(default_factory=list)

    @property
    def adds(self) -> int:
        return max(0, self.wanted - self.standing)

    @property
    def removes(self) -> int:
        return max(0, self.standing - self.wanted)


@dataclass(frozen=True)
class Answer:
    """`why`: there is no cost, in words; `r2`: of the fit that was refused."""

    asked: Asked
    readings: Sequence[Reading]
    read: int
    standing: int
    cost: Cost | None = None
    why: str = ""
    r2: float | None = None
    need: Need | None = None
    fit: Fit | None = None

    @property
    def share(self) -> float | None:
        """Of the load, what one instance would get."""
        if self.need is None or self.asked.load is None:
            return None
        return self.asked.load / (self.need.count or max(1, self.standing))


def limits_of(place: ServiceEnvironment) -> Config:
    """The newest settings; the defaults where there are none, or an old version is not valid any more."""
    version = place.config or place.current_config
    try:
        return parse(version.content) if version is not None else Config()
    except Refused:
        return Config()


def answer(asked: Asked) -> Answer:
    """Some tens of milliseconds for a week of two dozen instances."""
    read = load_readings.read(asked.place, asked.metric, load_readings.RANGES[asked.range])
    found = Answer(asked, read.readings, read.instances, read.standing)
    try:
        cost = load_cost.fit(read.readings)
    except NoFit as refused:
        return Answer(asked, read.readings, read.instances, read.standing, why=refused.why, r2=refused.r2)
    if asked.load is None:
        return Answer(asked, found.readings, found.read, found.standing, cost)
    need = load_cost.need(
        cost, asked.load, cpus=asked.cpus, memory=asked.memory, target=asked.target, standing=read.standing
    )
    fit = None
    if need.instances is not None and need.safe <= MOST_SCALED:
        fit = fits(asked, need.safe, read.standing)
    return Answer(asked, found.readings, found.read, found.standing, cost, need=need, fit=fit)


def fits(asked: Asked, wanted: int, standing: int) -> Fit:
    """Asks for the plan of scaling, with the limits that were asked for instead of those of the settings."""
    if wanted <= standing:
        return Fit(wanted, standing)
    content = limits_of(asked.place).to_json() | {"cpus": asked.cpus, "memory": asked.memory}
    version = ConfigVersion(place=asked.place, version=0, content=content)
    try:
        plan = plan_for(
            asked.place,
            "scale",
            policy=Policy(),
            image=asked.place.current_image,
            config=version,
            wanted=wanted,
        )
    except Refused as refused:
        return Fit(wanted, standing, refused.message)
    added = Counter(entry.host for entry in plan.entries if entry.action == "add" and not entry.problem)
    return Fit(wanted, standing, plan.refusal(), _rooms(added))


def _rooms(added: Counter[int]) -> list[Room]:
    rows = Host.objects.filter(pk__in=added).select_related("group").order_by("group__slug", "name")
    found: dict[str, list[tuple[str, int]]] = {}
    for host in rows:
        found.setdefault(str(host.group or "–"), []).append((host.name, added[host.pk]))
    return [Room(name, sum(n for _host, n in hosts), hosts) for name, hosts in found.items()]
