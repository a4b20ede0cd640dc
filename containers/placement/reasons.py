"""What would make fit what does not: the hosts that lack the least, and what they lack. Pure; words are in `words`."""

from __future__ import annotations

from collections import defaultdict
from heapq import nsmallest

from containers.placement.model import Demand, Lack, Refusal, Remedy
from containers.placement.state import State, milli, static

MOST = 20  # remedies that are told
# What is the least work comes first; what nobody changes for one instance last.
EFFORT = (
    "state", "memory", "cpus", "per_host", "per_room", "segment", "label", "unlabel", "group", "avoid", "missing",
    "architecture",
)  # fmt: skip


class Reasons:
    """Looked at when all is given away."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.fixed: dict[object, list[int]] = {}  # what is asked of hosts → of how much of it each is short
        self.told: dict[object, tuple[Remedy, ...] | None] = {}

    def of(self, demand: Demand, fits: int) -> Refusal:
        left, short = self.state.addresses_left(demand), demand.count - fits
        remedies = self._remedies(demand)
        return Refusal(
            demand.place,
            demand.key,
            demand.count,
            fits,
            remedies or (),
            int(short - left) if left < short else 0,
            demand.segment,
            demand.segment_name,
            nowhere=remedies is None,
        )

    def _remedies(self, demand: Demand) -> tuple[Remedy, ...] | None:
        rules = demand.rules
        asked = (demand.groups, demand.segment, rules.labels, rules.unlabels, demand.architecture)
        if asked not in self.fixed:
            self.fixed[asked] = self._fixed(demand)
        extra = self._extra(demand)
        key = (asked, demand.cpus, demand.memory)
        if extra or demand.not_on or demand.only is not None:
            return self._looked(demand, self.fixed[asked], extra)
        if key not in self.told:
            self.told[key] = self._looked(demand, self.fixed[asked], extra)
        return self.told[key]

    def _fixed(self, demand: Demand) -> list[int]:
        found = [0] * len(self.state.hosts)
        for alike in self.state.alike:
            if lacks := len(static(self.state.hosts[alike[0]], demand)):
                for n in alike:
                    found[n] = lacks
        return found

    def _extra(self, demand: Demand) -> dict[int, list[Lack]]:
        """What hosts lack by the place's own rules, since others or too many of its own stand there."""
        state, rules = self.state, demand.rules
        found: dict[int, list[Lack]] = defaultdict(list)
        for n, count in state.at[demand.place].items() if rules.per_host else ():
            if count >= rules.per_host:
                found[n].append(Lack("per_host", 1, count + 1, rules.per_host))
        full = {room: c for room, c in state.rooms[demand.place].items() if rules.per_room and c >= rules.per_room}
        for n, host in enumerate(state.hosts) if full else ():
            if host.room in full:
                found[n].append(Lack("per_room", 1, full[host.room] + 1, rules.per_room))
        for n in state.avoided(demand):
            found[n].append(Lack("avoid"))
        for pk, name in demand.missing.items():
            if pk in state.index:
                found[state.index[pk]].append(Lack("missing", name=name))
        return found

    def _looked(self, demand: Demand, fixed: list[int], extra: dict[int, list[Lack]]) -> tuple[Remedy, ...] | None:
        """The hosts that lack the least; none of them where one lacks nothing; None where there is no host at all."""
        state, cpus, memory = self.state, milli(demand.cpus), demand.memory
        short: list[tuple[int, float, float, int]] = [
            (lacks + (left < memory) + (free < cpus), memory - left if left < memory else 0, cpus - free, n)
            for n, (lacks, left, free) in enumerate(zip(fixed, state.free_memory, state.free_cpus, strict=True))
        ]
        for n, lacks in extra.items():
            short[n] = (short[n][0] + len(lacks), *short[n][1:])
        if demand.only is not None:
            short = [short[state.index[pk]] for pk in sorted(demand.only) if pk in state.index]
        if demand.not_on:
            short = [one for one in short if state.hosts[one[3]].pk not in demand.not_on]
        least = nsmallest(MOST, short)
        if not least:
            return None
        if not least[0][0]:
            return ()
        found = [self._remedy(n, demand, extra.get(n, [])) for *_rest, n in least]
        return tuple(
            sorted(found, key=lambda r: (len(r.lacks), [(EFFORT.index(one.kind), one.amount) for one in r.lacks]))
        )

    def _remedy(self, n: int, demand: Demand, extra: list[Lack]) -> Remedy:
        state, host, cpus = self.state, self.state.hosts[n], milli(demand.cpus)
        lacks = [*static(host, demand), *extra]
        if state.free_cpus[n] < cpus:
            needed = milli(host.cpus) - state.free_cpus[n] + cpus
            lacks.append(Lack("cpus", (cpus - state.free_cpus[n]) / 1000, needed / 1000, host.cpus))
        if state.free_memory[n] < demand.memory:
            needed = host.memory - state.free_memory[n] + demand.memory
            lacks.append(Lack("memory", demand.memory - state.free_memory[n], needed, host.memory))
        lacks.sort(key=lambda lack: EFFORT.index(lack.kind))
        return Remedy(host.pk, host.name, host.room, host.room_name, tuple(lacks))
