"""The fleet while instances are given to it: what is left, who stands where. CPUs count in thousandths, so sums are exact."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from containers.placement.model import Demand, Host, Lack, Standing

SHARES = 20  # hosts within a twentieth of each other count as equally full


def milli(cpus: float) -> float:
    """Thousandths of a core, whole where it is known."""
    return cpus if cpus == math.inf else round(cpus * 1000)


def labelled(labels: Mapping[str, str], wanted: str) -> bool:
    """Whether a host has the label: «key», or «key=value»."""
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or str(labels[key]) == value)


def static(host: Host, demand: Demand) -> list[Lack]:
    """What the host lacks whatever else stands there; what tells hosts apart for one demand only is left out."""
    found = []
    if host.closed:
        found.append(Lack("state", name=host.closed))
    if demand.groups and host.room not in demand.groups:
        found.append(Lack("group"))
    if demand.segment is not None and demand.segment not in host.segments:
        found.append(Lack("segment", name=demand.segment_name))
    found += [Lack("label", name=n) for n in sorted(demand.rules.labels) if not labelled(host.labels, n)]
    found += [Lack("unlabel", name=n) for n in sorted(demand.rules.unlabels) if labelled(host.labels, n)]
    if demand.architecture and host.architecture and demand.architecture != host.architecture:
        found.append(Lack("architecture", name=host.architecture))
    return found


class State:
    """Hosts are numbered by their name here, so a lower index is the earlier name."""

    def __init__(self, hosts: Iterable[Host], standing: Iterable[Standing], addresses: Mapping[int, int]) -> None:
        self.hosts = sorted(hosts, key=lambda host: (host.name, host.pk))
        self.index = {host.pk: n for n, host in enumerate(self.hosts)}
        self.free_cpus = [milli(h.cpus) - milli(h.used_cpus) for h in self.hosts]
        self.free_memory = [h.memory - h.used_memory for h in self.hosts]
        self.real_cpus = [milli(h.real_cpus) - milli(h.used_cpus) for h in self.hosts]
        self.real_memory = [h.real_memory - h.used_memory for h in self.hosts]
        self.count = [h.instances for h in self.hosts]
        self.addresses = dict(addresses)
        self.at: dict[int, Counter[int]] = defaultdict(Counter)  # place → host index → instances
        self.rooms: dict[int, Counter[int]] = defaultdict(Counter)  # place → room → instances
        self.places: dict[int, set[int]] = defaultdict(set)  # service → its places
        self.avoiders: dict[int, set[int]] = defaultdict(set)  # service → places that avoid it
        for one in standing:
            self.know(one.place, one.service, one.avoid)
            for pk, n in one.hosts.items():
                if pk in self.index and n > 0:
                    self.at[one.place][self.index[pk]] += n
                    self.rooms[one.place][self.hosts[self.index[pk]].room] += n
        self.spread: list[tuple[float, ...]] = [()] * len(self.hosts)  # the order in which hosts are taken
        self.pack: list[tuple[float, ...]] = [()] * len(self.hosts)
        self.changed: dict[int, list[int]] = defaultdict(list)  # room → hosts, as they were given something
        alike: dict[object, list[int]] = defaultdict(
            list
        )  # hosts that no demand can tell apart but by what stands there
        for n, host in enumerate(self.hosts):
            self._rank(n)
            labels = frozenset((key, str(value)) for key, value in host.labels.items())
            alike[host.room, host.closed, host.architecture, host.segments, labels].append(n)
        self.alike = list(alike.values())

    def know(self, place: int, service: int, avoid: Collection[int]) -> None:
        self.places[service].add(place)
        for other in avoid:
            self.avoiders[other].add(place)

    def _rank(self, n: int) -> None:
        full = self.fill(n)
        self.spread[n] = (int(full * SHARES), self.count[n], n)
        self.pack[n] = (-full, n)

    def fill(self, n: int) -> float:
        """How full the host is by what is promised: the fuller one of CPU and memory; 0 where that is not known."""
        host = self.hosts[n]
        shares = [0.0]
        for real, left in ((milli(host.real_cpus), self.real_cpus[n]), (host.real_memory, self.real_memory[n])):
            if real != math.inf:
                shares.append((real - left) / real if real > 0 else 1.0)
        return max(shares)

    def room_for(self, n: int, cpus: float, memory: float) -> bool:
        return self.free_cpus[n] >= cpus and self.free_memory[n] >= memory

    def tight(self, n: int, cpus: float, memory: float) -> bool:
        """Whether it only fits because limits are caps."""
        return self.real_cpus[n] < cpus or self.real_memory[n] < memory

    def give(self, n: int, demand: Demand) -> None:
        cpus = milli(demand.cpus)
        self.free_cpus[n] -= cpus
        self.real_cpus[n] -= cpus
        self.free_memory[n] -= demand.memory
        self.real_memory[n] -= demand.memory
        self.count[n] += 1
        room = self.hosts[n].room
        self.at[demand.place][n] += 1
        self.rooms[demand.place][room] += 1
        if demand.segment is not None and demand.new_address:
            self.addresses[demand.segment] = self.addresses.get(demand.segment, 0) - 1
        self._rank(n)
        self.changed[room].append(n)

    def leave(self, demand: Demand, way: int) -> None:
        """Takes the one that moves out of its room's count (−1), or puts it back (1). Its old host keeps it until it is gone."""
        if demand.leaves in self.index:
            self.rooms[demand.place][self.hosts[self.index[demand.leaves]].room] += way

    def avoided(self, demand: Demand) -> set[int]:
        """Hosts with instances of services that the place avoids, or of places that avoid its service."""
        others = {place for service in demand.rules.avoid for place in self.places.get(service, ())}
        others |= self.avoiders.get(demand.service, set())
        others.discard(demand.place)
        return {n for place in others for n, count in self.at[place].items() if count > 0} if others else set()

    def addresses_left(self, demand: Demand) -> float:
        if demand.segment is None or not demand.new_address:
            return math.inf
        return max(0, self.addresses.get(demand.segment, 0))
