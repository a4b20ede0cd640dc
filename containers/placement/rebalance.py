"""Which instances should move: first those that stand against a rule, then some so that hosts are evenly full. Few moves, each worth its
trouble, none against a rule. Pure.

Each step of a repair leaves fewer instances against the rules, and goes to the host that is best for them. Each later step takes one of the fullest hosts and the instance and host with which most is gained. It is bound to end and never goes back and
forth: the sum of the squares of how full hosts are, and their deviation, fall with each step, and no instance moves twice. Room that a move leaves
behind is given to no other one, so the moves may be carried out in any order, or only the first of them.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from containers.placement.broken import Broken
from containers.placement.model import Demand, Host, Standing
from containers.placement.state import State, milli, static

MOST = 20  # moves of one proposal
SOURCES = 4  # of the fullest hosts: from one of these the next instance goes
LOOKED = 20  # of the emptiest hosts that have what it asks for, for each of their instances
WORTH = 0.02  # the fuller one of the two hosts gets emptier by so much at least


@dataclass(frozen=True, slots=True)
class Piece:
    """Instances of a place that stand on a host. `one`: what one of them asks for; `pinned`: why none of them is to be moved."""

    one: Demand
    host: int
    count: int
    pinned: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One instance of a place; `key` is its piece's. `deviation`: how uneven hosts are when it has moved, too; `repairs`: which rules it
    stands against (kinds of `Lack`), so that it is a repair.
    """

    place: int
    key: int
    old: int
    new: int
    deviation: float
    repairs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Proposal:
    """`before`, `after`: host → how full it is by what is promised (1: all that it has for real); `broken_*`: how many instances at least
    have to move before all rules are kept.
    """

    moves: tuple[Move, ...]
    before: dict[int, float]
    after: dict[int, float]
    rooms_before: dict[int, float]
    rooms_after: dict[int, float]
    broken_before: int = 0
    broken_after: int = 0

    @property
    def uneven_before(self) -> float:
        return deviation(self.before.values())

    @property
    def uneven_after(self) -> float:
        return deviation(self.after.values())


def deviation(shares: Iterable[float]) -> float:
    """The standard deviation: 0 where all are equally full."""
    found = list(shares)
    mean = sum(found) / len(found) if found else 0
    return math.sqrt(sum((one - mean) ** 2 for one in found) / len(found)) if found else 0


def propose(hosts: Iterable[Host], pieces: Iterable[Piece], most: int = MOST) -> Proposal:
    """At most so many moves, repairs first, then those that gain most; `hosts` have all that is promised on them in `used_*`."""
    rows, parts = list(hosts), sorted(pieces, key=lambda one: (one.one.place, one.one.key, one.host))
    search = _Search(rows, parts)
    before, rooms_before, broken = search.fills(), search.rooms(), search.broken.count()
    moves: list[Move] = []
    while len(moves) < most and broken and (found := search.repair()) is not None:
        moves.append(found)
    while len(moves) < most and (found := search.step()) is not None:
        moves.append(found)
    after = search.broken.count() if broken else 0
    return Proposal(tuple(moves), before, search.fills(), rooms_before, search.rooms(), broken, after)


class _Search:
    def __init__(self, hosts: list[Host], parts: list[Piece]) -> None:
        of: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        avoid: dict[int, frozenset[int]] = {}
        for part in parts:
            of[part.one.place, part.one.service][part.host] += part.count
            avoid[part.one.place] = part.one.rules.avoid
        standing = [Standing(place, service, dict(at), avoid[place]) for (place, service), at in of.items()]
        self.state = State(hosts, standing, {})
        self.hosts, self.index = self.state.hosts, self.state.index
        # What there is with the moves made; the state itself only ever gets fuller.
        self.cpus = [milli(h.used_cpus) for h in self.hosts]
        self.memory = [float(h.used_memory) for h in self.hosts]
        self.left: list[dict[int, int]] = [{} for _h in self.hosts]  # host → piece → how many of it may move
        self.parts = parts
        self.needs = [(milli(part.one.cpus), part.one.memory) for part in parts]
        self.real = [(milli(h.real_cpus), h.real_memory) for h in self.hosts]
        for number, part in enumerate(parts):
            if part.host in self.index and not part.pinned:
                self.left[self.index[part.host]][number] = part.count
        self.own: dict[int, dict[int, int]] = {place: dict(at) for (place, _service), at in of.items()}
        self.broken = Broken({host.pk: host for host in hosts}, [part.one for part in parts], self.own)
        self.wrong: set[int] | None = None  # pieces that stand against a rule, once they were looked for
        self.avoided: dict[int, set[int]] = {}  # place → hosts that it may not share
        self.open = [n for n, host in enumerate(self.hosts) if not host.closed]
        self.full = [self._fill(n, self.cpus[n], self.memory[n]) for n in range(len(self.hosts))]
        self.sum = sum(self.full[n] for n in self.open)
        self.stuck: set[int] = set()
        self.takes: dict[object, list[int]] = {}  # what is asked of hosts → those that have it, the emptiest first
        self.room_of = {host.pk: host.room for host in self.hosts}

    def _fill(self, n: int, cpus: float, memory: float) -> float:
        has_cpus, has_memory = self.real[n]  # endless where nothing is known
        one = cpus / has_cpus if has_cpus > 0 else 1.0
        other = memory / has_memory if has_memory > 0 else 1.0
        return max(one, other, 0.0)

    def fills(self) -> dict[int, float]:
        return {self.hosts[n].pk: self.full[n] for n in self.open}

    def rooms(self) -> dict[int, float]:
        """Room → how full its open hosts are together."""
        of: dict[int, list[int]] = defaultdict(list)
        for n in self.open:
            of[self.hosts[n].room].append(n)
        found = {}
        for room, members in of.items():
            known = [n for n in members if math.inf not in {self.hosts[n].real_cpus, self.hosts[n].real_memory}]
            has_cpus = sum(milli(self.hosts[n].real_cpus) for n in known)
            has_memory = sum(self.hosts[n].real_memory for n in known)
            shares = [0.0]
            shares += [sum(self.cpus[n] for n in known) / has_cpus] if has_cpus else []
            shares += [sum(self.memory[n] for n in known) / has_memory] if has_memory else []
            found[room] = max(shares)
        return found

    def repair(self) -> Move | None:
        """The next one that stands against a rule and may stand elsewhere, moved there; None: there is none."""
        if self.wrong is None:
            self.wrong = {number for n in self.open for number in self.left[n]}
        gains = [(self.broken.less(self.parts[number].one, self.parts[number].host), number) for number in self.wrong]
        gains = [(less, number) for less, number in gains if less[0]]
        self.wrong = {number for _less, number in gains}  # a repair breaks nothing: there come no others
        for (_less, kinds), number in sorted(gains, key=lambda one: (-one[0][0], one[1])):
            part = self.parts[number]
            n = self._refuge(part, kinds)
            if n is not None:
                found = replace(self._move(part, number, n), repairs=kinds)
                if number not in self.left[self.index[part.host]]:
                    self.wrong.discard(number)
                return found
            self.wrong.discard(number)
        return None

    def _refuge(self, part: Piece, kinds: frozenset[str]) -> int | None:
        """The host where it breaks no rule: with the fewest others of its place, then the emptiest."""
        one, old = part.one, self.index[part.host]
        away = "per_room" in kinds  # nothing is gained in the same room
        found = [
            n
            for n in self._takes(one)
            if n != old and (not away or self.hosts[n].room != self.hosts[old].room) and self._free(part, old, n)
        ]
        own = self.own[one.place]

        def rank(n: int) -> tuple[float, ...]:
            if one.rules.pack:
                return -self.full[n], n
            room = self._in_room(one.place, self.hosts[n].room) if one.rules.rooms else 0
            return room, own.get(self.hosts[n].pk, 0), self.full[n], n

        return min(found, key=rank, default=None)

    def step(self) -> Move | None:
        """The next move, made; None: no one is worth it any more."""
        fullest = sorted(self.open, key=self.full.__getitem__, reverse=True)
        left = [n for n in fullest if n not in self.stuck and self.left[n]]
        while sources := left[:SOURCES]:
            best: tuple[float, int, int, int] | None = None
            for source in sources:
                mine = max(self._gains(source), default=None)
                if mine is None:
                    self.stuck.add(source)
                    left.remove(source)
                elif best is None or mine > best:
                    best = mine
            if best is not None:
                return self._move(self.parts[-best[1]], -best[1], -best[2])
        return None

    def _gains(self, source: int) -> Iterator[tuple[float, int, int, int]]:
        """For each piece of the host the move that gains most: (how much, −piece, −host, −source)."""
        for number in self.left[source]:
            part = self.parts[number]
            if part.one.rules.pack:
                continue
            for gain, n in self._worth(source, self._takes(part.one)[:LOOKED], *self.needs[number]):
                if self._may(part, source, -n):
                    yield gain, -number, n, -source
                    break

    def _worth(self, source: int, takes: Iterable[int], cpus: float, memory: float) -> list[tuple[float, int]]:
        """(by how much the sum of squares falls, and that of squares around the mean, the smaller one; −host), the most first."""
        full = self.full[source]
        most = full - WORTH
        here = self._fill(source, self.cpus[source] - cpus, self.memory[source] - memory)
        found: list[tuple[float, int]] = []
        if here > most:
            return found
        for n in takes:
            level = self.full[n]
            if level >= most:
                break
            there = self._fill(n, self.cpus[n] + cpus, self.memory[n] + memory)
            if there > most:
                continue
            gain = full * full + level * level - here * here - there * there
            more = here + there - full - level  # the mean changes where hosts are not of one size
            gain += min(0.0, (2 * self.sum + more) * more / len(self.open))
            if gain > 0:
                found.append((gain, -n))
        return sorted(found, reverse=True)

    def _may(self, part: Piece, source: int, n: int) -> bool:
        """Whether the rules and sizes let one of it go there, and the place stays as evenly spread as it is."""
        one, new, old = part.one, self.hosts[n], self.hosts[source]
        own = self.own[one.place]
        if own.get(new.pk, 0) >= own[part.host] or not self._free(part, source, n):
            return False
        if new.room == old.room or not one.rules.rooms:
            return True
        return self._in_room(one.place, new.room) < self._in_room(one.place, old.room)

    def _free(self, part: Piece, source: int, n: int) -> bool:
        """Whether the rules and sizes let one of it go there."""
        one, state, rules = part.one, self.state, part.one.rules
        new = self.hosts[n]
        if not state.room_for(n, milli(one.cpus), one.memory) or n in self._avoided(one):
            return False
        if new.pk in one.missing or new.pk in one.not_on or (one.only is not None and new.pk not in one.only):
            return False
        if rules.per_host and state.at[one.place][n] >= rules.per_host:
            return False
        others = state.rooms[one.place][new.room] - (new.room == self.hosts[source].room)
        return not (rules.per_room and others >= rules.per_room)

    def _avoided(self, one: Demand) -> set[int]:
        if one.place not in self.avoided:
            self.avoided[one.place] = self.state.avoided(one)
        return self.avoided[one.place]

    def _in_room(self, place: int, room: int) -> int:
        return sum(count for pk, count in self.own[place].items() if self.room_of.get(pk) == room)

    def _takes(self, one: Demand) -> list[int]:
        asked = (one.groups, one.segment, one.rules.labels, one.rules.unlabels, one.architecture)
        if asked not in self.takes:
            found = [n for n in self.open if not static(self.hosts[n], one)]
            self.takes[asked] = sorted(found, key=lambda n: (self.full[n], n))
        return self.takes[asked]

    def _move(self, part: Piece, number: int, n: int) -> Move:
        source, one = self.index[part.host], part.one
        self.left[source][number] -= 1
        if not self.left[source][number]:
            del self.left[source][number]
        self.state.give(n, replace(one, new_address=False))
        self.avoided.clear()
        own, new = self.own[one.place], self.hosts[n].pk
        own[part.host] -= 1
        own[new] = own.get(new, 0) + 1
        for at, way in ((source, -1), (n, 1)):
            self.cpus[at] += way * milli(one.cpus)
            self.memory[at] += way * one.memory
            self.full[at] = self._fill(at, self.cpus[at], self.memory[at])
        for members in self.takes.values():
            if changed := {source, n}.intersection(members):
                members[:] = [at for at in members if at not in changed]
                for at in changed:
                    insort(members, at, key=lambda n: (self.full[n], n))
        self.stuck.discard(n)
        self.sum = sum(self.full[m] for m in self.open)
        return Move(one.place, one.key, part.host, new, deviation(self.full[m] for m in self.open))
