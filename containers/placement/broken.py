"""What stands against the rules of placement, and by how much less with one instance gone. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from containers.placement.model import Demand, Host
from containers.placement.state import static

# What a rule says of a host. What else keeps instances off it (its state, network or engine) is no rule, and may pass.
OF_HOSTS = {"label", "unlabel", "group"}


class Broken:
    """How many instances at least have to go elsewhere before all rules are kept, with moves made one after the other.

    Places that avoid each other on a host count with the fewer of the two: those would have to go.
    """

    def __init__(self, hosts: Mapping[int, Host], ones: Iterable[Demand], at: Mapping[int, Mapping[int, int]]) -> None:
        """`ones`: one demand a place and key; `at`: place → host → instances, which the caller keeps up to date."""
        self.hosts, self.at = hosts, at
        self.ones = {one.place: one for one in ones}
        places: dict[int, set[int]] = defaultdict(set)
        for one in self.ones.values():
            places[one.service].add(one.place)
        self.foes: dict[int, set[int]] = defaultdict(set)  # place → those that may not be on one host with it
        for one in self.ones.values():
            for service in one.rules.avoid:
                for other in places.get(service, ()):
                    if other != one.place:
                        self.foes[one.place].add(other)
                        self.foes[other].add(one.place)
        self.wrong: dict[tuple[object, ...], frozenset[str]] = {}  # what is asked of hosts, host → what it lacks of it

    def count(self) -> int:
        """Of all places together."""
        found = 0
        for place, at in self.at.items():
            one = self.ones[place]
            rules = one.rules
            if one.groups or rules.labels or rules.unlabels:
                found += sum(count for pk, count in at.items() if self.of_host(one, pk))
            if rules.per_host:
                found += sum(max(0, count - rules.per_host) for count in at.values())
            if rules.per_room:
                found += sum(max(0, count - rules.per_room) for count in self.rooms(place).values())
            for foe in self.foes.get(place, ()):
                if place < foe:
                    others = self.at.get(foe, {})
                    found += sum(min(count, others.get(pk, 0)) for pk, count in at.items())
        return found

    def of_host(self, one: Demand, pk: int) -> frozenset[str]:
        """What is wrong with the host for any instance of it."""
        host = self.hosts.get(pk)
        if host is None:
            return frozenset()
        key = (one.groups, one.rules.labels, one.rules.unlabels, pk)
        if key not in self.wrong:
            self.wrong[key] = frozenset(lack.kind for lack in static(host, one) if lack.kind in OF_HOSTS)
        return self.wrong[key]

    def less(self, one: Demand, pk: int) -> tuple[int, frozenset[str]]:
        """By how many fewer there are with one instance gone from that host into another room, and what was wrong."""
        place, rules = one.place, one.rules
        count = self.at[place][pk]
        kinds = set(self.of_host(one, pk))
        found = int(bool(kinds))
        if rules.per_host and count > rules.per_host:
            found += 1
            kinds.add("per_host")
        if self.crowded(one, pk):
            found += 1
            kinds.add("per_room")
        foes = [foe for foe in self.foes.get(place, ()) if self.at.get(foe, {}).get(pk, 0) >= count]
        if foes:
            found += len(foes)
            kinds.add("avoid")
        return found, frozenset(kinds)

    def crowded(self, one: Demand, pk: int) -> bool:
        """Whether more of it stand in the host's room than may; only a move into another room helps."""
        host = self.hosts.get(pk)
        return bool(one.rules.per_room) and host is not None and self.rooms(one.place)[host.room] > one.rules.per_room

    def rooms(self, place: int) -> Counter[int]:
        found: Counter[int] = Counter()
        for pk, count in self.at[place].items():
            if pk in self.hosts:
                found[self.hosts[pk].room] += count
        return found
