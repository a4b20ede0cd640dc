"""Which hosts new instances go to. Pure and deterministic: whatever order hosts and demands come in, the answer is the same.

Demands are served by priority, the large ones first. Each instance goes to the best host at that moment (`_Turn`); what does
not fit is refused only if it fits on no host at the end, and says what would make it fit (`containers.placement.reasons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from heapq import heapify, heappop, heappush

from containers.placement.model import Answer, Assignment, Demand, Host, Standing
from containers.placement.pools import Pool
from containers.placement.reasons import Reasons
from containers.placement.state import State, milli, static

Key = tuple[float, ...]


def place(
    hosts: Iterable[Host],
    demands: Iterable[Demand],
    *,
    standing: Iterable[Standing] = (),
    addresses: Mapping[int, int] | None = None,
) -> Answer:
    """Gives hosts to all instances asked for. `addresses`: segment → free ones. ValueError: two demands of one name."""
    wanted = sorted(demands, key=lambda d: (d.priority, -d.memory, -d.cpus, d.place, d.key))
    if len({(d.place, d.key) for d in wanted}) < len(wanted):
        raise ValueError("two demands with the same place and key")
    if not wanted:
        return Answer(())
    state = State(hosts, standing, addresses or {})
    for demand in wanted:
        state.know(demand.place, demand.service, demand.rules.avoid)
    scheduler = _Scheduler(state)
    given = [(demand, scheduler.serve(demand)) for demand in wanted]
    while any([_again(scheduler, demand, found, given) for demand, found in given]):
        pass
    reasons = Reasons(state)
    refusals = [reasons.of(demand, len(found)) for demand, found in given if len(found) < demand.count]
    return Answer(
        tuple(Assignment(demand.place, demand.key, tuple(found)) for demand, found in given if found), tuple(refusals)
    )


def _again(scheduler: _Scheduler, demand: Demand, found: list[int], given: list[tuple[Demand, list[int]]]) -> bool:
    """Serves what was refused once more where others of the place left a room that may hold no more; whether it helped."""
    short = demand.count - len(found)
    if short <= 0 or not demand.rules.per_room:
        return False
    if not any(one.place == demand.place and one.leaves is not None and hosts for one, hosts in given):
        return False
    more = scheduler.serve(replace(demand, count=short))
    found += more
    return bool(more)


class _Scheduler:
    def __init__(self, state: State) -> None:
        self.state = state
        self.members: dict[object, dict[int, list[int]]] = {}  # what is asked of hosts → room → those that have it
        self.pools: dict[object, list[Pool]] = {}

    def serve(self, demand: Demand) -> list[int]:
        """The hosts' keys, as many as fit."""
        if demand.count <= 0:
            return []
        found: list[int] = []
        turn = _Turn(self.state, demand, self._pools(demand))
        self.state.leave(demand, -1)
        while len(found) < demand.count and (n := turn.next()) is not None:
            found.append(self.state.hosts[n].pk)
        turn.end()
        if not found:
            self.state.leave(demand, 1)
        return found

    def _pools(self, demand: Demand) -> list[Pool]:
        rules = demand.rules
        asked = (demand.groups, demand.segment, rules.labels, rules.unlabels, demand.architecture, demand.only)
        key = (asked, demand.cpus, demand.memory, rules.pack)
        if key not in self.pools:
            if asked not in self.members:
                self.members[asked] = self._members(demand)
            size = milli(demand.cpus), demand.memory
            rooms = self.members[asked].items()
            self.pools[key] = [Pool(self.state, room, members, size, pack=rules.pack) for room, members in rooms]
        return self.pools[key]

    def _members(self, demand: Demand) -> dict[int, list[int]]:
        hosts, only = self.state.hosts, demand.only
        found: dict[int, list[int]] = {}
        for alike in self.state.alike:
            if not static(hosts[alike[0]], demand):
                chosen = alike if only is None else [n for n in alike if hosts[n].pk in only]
                found.setdefault(hosts[alike[0]].room, []).extend(chosen)
        return {room: members for room, members in found.items() if members}


class _Turn:
    """One demand. Hosts that already have the place or its image are few and ranked by themselves; all others come from pools."""

    def __init__(self, state: State, demand: Demand, pools: list[Pool]) -> None:
        self.state, self.demand, self.pools = state, demand, pools
        self.cpus, self.memory = milli(demand.cpus), demand.memory
        self.rules = demand.rules
        self.never = state.avoided(demand)
        self.never |= {state.index[pk] for pk in (*demand.not_on, *demand.missing) if pk in state.index}
        self.own, self.rooms = state.at[demand.place], state.rooms[demand.place]
        self.skip = set(self.never)
        self.near: dict[int, list[Key]] = {pool.room: [] for pool in pools}
        if self.rules.pack:
            self.skip |= {n for n, count in self.own.items() if self._full(count)}
            return
        image = demand.image
        for pool in pools:
            close = {n for n, count in self.own.items() if count > 0}
            close |= {n for n in pool.members if image in state.hosts[n].images} if image else set()
            mine = [n for n in close if n in pool.known]
            self.skip.update(mine)
            self.near[pool.room] = [key for n in mine if (key := self._key(n)) is not None]
            heapify(self.near[pool.room])

    def _full(self, count: int) -> bool:
        return bool(self.rules.per_host) and count >= self.rules.per_host

    def _key(self, n: int) -> Key | None:
        """The rank of a host that is no pool's: tier, own instances, fill, whether the image has to be pulled, instances, host."""
        if n in self.never or self._full(self.own[n]) or not self.state.room_for(n, self.cpus, self.memory):
            return None
        fill, count, _n = self.state.spread[n]
        pull = self.demand.image not in self.state.hosts[n].images
        return (self.state.tight(n, self.cpus, self.memory), self.own[n], fill, pull, count, n)

    def next(self) -> int | None:
        """The index of the host that one more instance goes to; it is given there. None: it fits nowhere."""
        if self.state.addresses_left(self.demand) < 1:
            return None
        best: tuple[Key, int, Pool] | None = None
        for pool in self.pools:
            mine = self.rooms[pool.room]
            if self.rules.per_room and mine >= self.rules.per_room:
                continue
            for key in self._candidates(pool):
                full = (mine if self.rules.rooms else 0, *key[:2], 0 if self.rules.pack else mine, *key[2:])
                if best is None or full < best[0]:
                    best = (full, int(key[-1]), pool)
        if best is None:
            return None
        self._give(best[1], best[2])
        return best[1]

    def _candidates(self, pool: Pool) -> list[Key]:
        found = pool.best(self.skip)
        if self.rules.pack:
            return [(found[0], *found[1])] if found else []
        near = self.near[pool.room]
        keys = near[:1]
        if found:
            tier, (fill, count, n) = found
            keys.append((tier, 0, fill, True, count, n))
        return keys

    def _give(self, n: int, pool: Pool) -> None:
        self.state.give(n, self.demand)
        if self.rules.pack:
            if self._full(self.own[n]):
                self.skip.add(n)
            return
        near = self.near[pool.room]
        if near and near[0][-1] == n:
            heappop(near)
        self.skip.add(n)
        if (key := self._key(n)) is not None:
            heappush(near, key)

    def end(self) -> None:
        for pool in self.pools:
            pool.restore()
