"""What placement promises, written down once more and as plainly as can be: every host is looked at for every instance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from containers.placement import Answer, Demand, Host, Standing


@dataclass
class Fleet:
    """Who stands where, and what is promised."""

    hosts: list[Host]
    standing: list[Standing]
    demands: list[Demand]
    addresses: dict[int, int]
    at: Counter[tuple[int, int]] = field(default_factory=Counter)  # (place, host)
    cpus: Counter[int] = field(default_factory=Counter)  # thousandths
    memory: Counter[int] = field(default_factory=Counter)
    count: Counter[int] = field(default_factory=Counter)
    left: Counter[tuple[int, int]] = field(default_factory=Counter)  # (place, room): moved away from there

    def __post_init__(self) -> None:
        self.addresses = dict(self.addresses)
        for one in self.standing:
            for pk, n in one.hosts.items():
                self.at[one.place, pk] += n
        for host in self.hosts:
            self.cpus[host.pk] = round(host.used_cpus * 1000)
            self.memory[host.pk] = host.used_memory
            self.count[host.pk] = host.instances

    def room(self, pk: int | None) -> int | None:
        return next((host.room for host in self.hosts if host.pk == pk), None)

    def in_room(self, place: int, room: int) -> int:
        return sum(self.at[place, h.pk] for h in self.hosts if h.room == room) - self.left[place, room]

    def avoids(self, demand: Demand, pk: int) -> bool:
        known = [(one.place, one.service, one.avoid) for one in self.standing]
        known += [(one.place, one.service, one.rules.avoid) for one in self.demands]
        return any(
            self.at[place, pk] and (service in demand.rules.avoid or demand.service in avoid)
            for place, service, avoid in known
            if place != demand.place
        )

    def takes(self, host: Host, demand: Demand, *, moving: bool = True) -> bool:
        """Whether one more instance may stand there."""
        rules = demand.rules
        room = self.in_room(demand.place, host.room)
        room -= moving and demand.leaves is not None and self.room(demand.leaves) == host.room
        return not (
            host.closed
            or (demand.groups and host.room not in demand.groups)
            or (demand.segment is not None and demand.segment not in host.segments)
            or not all(self.labelled(host, label) for label in rules.labels)
            or any(self.labelled(host, label) for label in rules.unlabels)
            or (demand.architecture and host.architecture not in {"", demand.architecture})
            or (demand.only is not None and host.pk not in demand.only)
            or host.pk in demand.not_on
            or host.pk in demand.missing
            or self.avoids(demand, host.pk)
            or (rules.per_host and self.at[demand.place, host.pk] >= rules.per_host)
            or (rules.per_room and room >= rules.per_room)
            or self.cpus[host.pk] + round(demand.cpus * 1000) > host.cpus * 1000
            or self.memory[host.pk] + demand.memory > host.memory
        )

    @staticmethod
    def labelled(host: Host, label: str) -> bool:
        key, equals, value = label.partition("=")
        return key in host.labels and (not equals or host.labels[key] == value)

    def has_address(self, demand: Demand) -> bool:
        return demand.segment is None or not demand.new_address or self.addresses.get(demand.segment, 0) > 0

    def give(self, pk: int, demand: Demand) -> None:
        self.at[demand.place, pk] += 1
        self.cpus[pk] += round(demand.cpus * 1000)
        self.memory[pk] += demand.memory
        self.count[pk] += 1
        if (room := self.room(demand.leaves)) is not None:
            self.left[demand.place, room] += 1
        if demand.segment is not None and demand.new_address:
            self.addresses[demand.segment] -= 1

    def fill(self, host: Host) -> float:
        shares = [0.0]
        for real, used in ((host.real_cpus * 1000, self.cpus[host.pk]), (host.real_memory, self.memory[host.pk])):
            if real != float("inf"):
                shares.append(used / real if real > 0 else 1.0)
        return max(shares)

    def rank(self, host: Host, demand: Demand) -> tuple[object, ...]:
        """What is the least is taken."""
        room = self.in_room(demand.place, host.room)
        room -= demand.leaves is not None and self.room(demand.leaves) == host.room
        rooms = room if demand.rules.rooms else 0
        tight = (
            self.cpus[host.pk] + round(demand.cpus * 1000) > host.real_cpus * 1000
            or self.memory[host.pk] + demand.memory > host.real_memory
        )
        if demand.rules.pack:
            return (rooms, tight, -self.fill(host), host.name)
        own = self.at[demand.place, host.pk]
        pull = demand.image not in host.images
        return (rooms, tight, own, room, int(self.fill(host) * 20), pull, self.count[host.pk], host.name)


def served(fleet: Fleet) -> dict[tuple[int, int], list[int]]:
    """Demand → hosts, as the scheduler promises to choose them."""
    found: dict[tuple[int, int], list[int]] = {(d.place, d.key): [] for d in fleet.demands}
    order = sorted(fleet.demands, key=lambda d: (d.priority, -d.memory, -d.cpus, d.place, d.key))
    progress = True
    while progress:
        progress = False
        for demand in order:
            mine = found[demand.place, demand.key]
            while len(mine) < demand.count and fleet.has_address(demand):
                fitting = [host for host in fleet.hosts if fleet.takes(host, demand)]
                if not fitting:
                    break
                best = min(fitting, key=lambda host: fleet.rank(host, demand))
                fleet.give(best.pk, demand)
                mine.append(best.pk)
                progress = True
    return found


def hosts_of(answer: Answer) -> dict[tuple[int, int], tuple[int, ...]]:
    return {(one.place, one.key): one.hosts for one in answer.assignments}
