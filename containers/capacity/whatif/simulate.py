"""Today's fleet with some changes: do all instances still fit, where would they go, and what is left. Pure.

Instances whose host goes are placed again first, by the scheduler that moves and releases go by, then what is added, in the order of
the changes. Nothing else is moved.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.utils.translation import gettext as _

from containers.capacity.whatif.model import GIB, Fleet, Place
from containers.capacity.whatif.scenario import MOST_COUNT, Change
from containers.capacity.whatif.sums import Row, rows_of
from containers.placement import Assignment, Demand, Host, Refusal, Standing, place


@dataclass(frozen=True)
class Part:
    """What a change (by its number) asks to place of a service, and what becomes of it. `change` None: hosts went."""

    change: int | None
    name: str
    asked: int
    placed: int
    rooms: tuple[tuple[str, int], ...] = ()
    hosts: tuple[int, ...] = ()
    refusal: Refusal | None = None
    data: str = ""

    @property
    def missing(self) -> int:
        return self.asked - self.placed


@dataclass(frozen=True)
class Outcome:
    """`problems`: changes that could not be applied at all, by their number, in words."""

    rows: tuple[Row, ...]
    total: Row
    parts: tuple[Part, ...]
    problems: Mapping[int, str]

    @property
    def misfits(self) -> list[Part]:
        return [one for one in self.parts if one.missing]

    @property
    def missing(self) -> int:
        return sum(one.missing for one in self.parts)

    @property
    def placed(self) -> int:
        return sum(one.placed for one in self.parts)

    @property
    def fits(self) -> bool:
        return not self.missing and not self.problems


def simulate(fleet: Fleet, changes: Sequence[Change]) -> Outcome:
    """What becomes of the fleet. What a change names that is not there is a problem of this change alone."""
    scene = _Scene(fleet)
    problems = {}
    for number, change in enumerate(changes):
        if problem := scene.apply(number, change):
            problems[number] = problem
    hosts, demands = scene.hosts(), scene.demands()
    answer = place(hosts, [one.demand for one in demands], standing=scene.standing(), addresses=fleet.addresses)
    given = {(one.place, one.key): one for one in answer.assignments}
    refused = {(one.place, one.key): one for one in answer.refusals}
    parts = [_part(scene, asked, given.get((asked.demand.place, asked.demand.key)), refused) for asked in demands]
    then = _promised(hosts, [(one.demand, given.get((one.demand.place, one.demand.key))) for one in demands])
    return Outcome(*rows_of(fleet, then), tuple(sorted(parts, key=_worst)), problems)


def _worst(part: Part) -> tuple[int, bool, str]:
    return -part.missing, part.change is not None, part.name


@dataclass(frozen=True)
class _Asked:
    demand: Demand
    change: int | None
    name: str
    data: str = ""


class _Scene:
    """The fleet while changes are applied to it, one after the other."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.by_name = {host.name: host for host in fleet.hosts}
        self.gone: set[int] = set()
        self.new: list[Host] = []
        self.asked: list[_Asked] = []
        self.grown: Counter[int] = Counter()

    def apply(self, number: int, change: Change) -> str:
        """Why it cannot be applied, or nothing."""
        return {
            "hosts": self._hosts,
            "lose": self._lose,
            "room": self._room,
            "grow": self._grow,
            "times": self._times,
            "new": self._new,
        }[change.kind](number, change)

    def _hosts(self, _number: int, change: Change) -> str:
        group = self.fleet.groups.get(change.where) if change.where else self.fleet.ungrouped
        if group is None:
            return _("There is no host group %(name)s.") % {"name": change.where}
        like = [host for host in self.fleet.hosts if host.room == group.pk]
        labels = [set(host.labels.items()) for host in like]
        kinds = Counter(host.architecture for host in like if host.architecture)
        one = replace(
            group.host(change.cpus, change.gib * GIB),
            segments=frozenset().union(*(host.segments for host in like)),
            labels=dict(set.intersection(*labels)) if labels else {},
            architecture=kinds.most_common(1)[0][0] if kinds else "",
        )
        for at in range(len(self.new) + 1, len(self.new) + 1 + change.count):
            self.new.append(replace(one, pk=-at, name=f"new-{at}"))
        return ""

    def _lose(self, _number: int, change: Change) -> str:
        host = self.by_name.get(change.name)
        if host is None:
            return _("There is no host %(name)s.") % {"name": change.name}
        self.gone.add(host.pk)
        return ""

    def _room(self, _number: int, change: Change) -> str:
        group = self.fleet.groups.get(change.name)
        if group is None:
            return _("There is no host group %(name)s.") % {"name": change.name}
        self.gone |= {host.pk for host in self.fleet.hosts if host.room == group.pk}
        return ""

    def _grow(self, number: int, change: Change) -> str:
        found = self._places(change.name)
        for one in found:
            self._more(number, one, change.count)
        return "" if found else _("There is no service %(name)s.") % {"name": change.name}

    def _times(self, number: int, change: Change) -> str:
        found = [
            (one, round((one.instances + self.grown[one.one.place]) * (change.factor - 1)))
            for one in self._places(change.name)
        ]
        if sum(count for _one, count in found) > MOST_COUNT["grow"]:  # one after the other they would multiply
            return _("It would take more than %(most)d instances.") % {"most": MOST_COUNT["grow"]}
        for one, count in found:
            self._more(number, one, count)
        return "" if found else _("There is no service %(name)s.") % {"name": change.name}

    def _places(self, name: str) -> list[Place]:
        return [one for one in self.fleet.places if name in {one.name, one.service}]

    def _more(self, number: int, one: Place, count: int) -> None:
        if count > 0:
            self.grown[one.one.place] += count
            demand = replace(one.one, count=count, key=number + 1, priority=number + 1)
            self.asked.append(_Asked(demand, number, one.name))

    def _new(self, number: int, change: Change) -> str:
        where = self.fleet.environments.get(change.where)
        if where is None:
            return _("There is no environment %(name)s.") % {"name": change.where}
        demand = Demand(
            place=-number - 1,
            service=-number - 1,
            key=number + 1,
            priority=number + 1,
            count=change.count,
            cpus=change.cpus,
            memory=round(change.gib * GIB),
            rules=where.rules,
            groups=where.groups,
            segment=where.segment,
            segment_name=where.segment_name,
        )
        self.asked.append(_Asked(demand, number, f"{change.name}/{change.where}"))
        return ""

    @cached_property
    def rooms(self) -> dict[int, int]:
        return {host.pk: host.room for host in self.hosts()}

    def hosts(self) -> list[Host]:
        return [host for host in self.fleet.hosts if host.pk not in self.gone] + self.new

    def standing(self) -> Iterable[Standing]:
        for one in self.fleet.places:
            held: Counter[int] = Counter()
            for some in one.held:
                if some.host not in self.gone:
                    held[some.host] += some.count
            yield Standing(one.one.place, one.one.service, held, one.one.rules.avoid)

    def demands(self) -> list[_Asked]:
        """Those that lost their host first: with the addresses that they have, on the same kind of machine."""
        kinds = {host.pk: host.architecture for host in self.fleet.hosts if host.pk in self.gone}
        moved = []
        for one in self.fleet.places if self.gone else ():
            counts: Counter[tuple[int | None, str]] = Counter()
            for some in one.held:
                if some.host in self.gone:
                    counts[some.segment, kinds[some.host]] += some.count
            for n, ((segment, kind), count) in enumerate(sorted(counts.items(), key=str)):
                demand = replace(
                    one.one, count=count, key=-n - 1, priority=0, segment=segment, new_address=False, architecture=kind
                )
                moved.append(_Asked(demand, None, one.name, one.data))
        return [*moved, *self.asked]


def _part(scene: _Scene, asked: _Asked, given: Assignment | None, refused: Mapping[tuple[int, int], Refusal]) -> Part:
    demand = asked.demand
    hosts = given.hosts if given is not None else ()
    rooms = Counter(scene.rooms[pk] for pk in hosts)
    titles = sorted((scene.fleet.title(room), n) for room, n in rooms.items())
    refusal = refused.get((demand.place, demand.key))
    return Part(asked.change, asked.name, demand.count, len(hosts), tuple(titles), hosts, refusal, asked.data)


def _promised(hosts: Iterable[Host], given: Iterable[tuple[Demand, Assignment | None]]) -> list[Host]:
    """The hosts with what the answer promises on them."""
    cpus: dict[int, float] = defaultdict(float)
    memory: Counter[int] = Counter()
    count: Counter[int] = Counter()
    for demand, assignment in given:
        for pk in assignment.hosts if assignment is not None else ():
            cpus[pk] += demand.cpus
            memory[pk] += demand.memory
            count[pk] += 1
    return [
        replace(
            host,
            used_cpus=host.used_cpus + cpus[host.pk],
            used_memory=host.used_memory + memory[host.pk],
            instances=host.instances + count[host.pk],
        )
        if host.pk in count
        else host
        for host in hosts
    ]
