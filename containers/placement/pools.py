"""Hosts of one room that can take one size of instance, the best first. Shared by all demands that ask for the same."""

from __future__ import annotations

from collections.abc import Container, Sequence
from heapq import heapify, heappop, heappush

from containers.placement.state import State

Rank = tuple[float, ...]


class Pool:
    """Two heaps of ranks: hosts where it fits for real, and hosts where it fits because limits are caps.

    A rank that is not the host's present one is stale and skipped; what changed since the last look is pushed again, or all
    is built anew where that is less work. So a look costs a logarithm, however many hosts are full.
    """

    def __init__(
        self, state: State, room: int, members: Sequence[int], size: tuple[float, float], *, pack: bool
    ) -> None:
        self.state, self.room = state, room
        self.members, self.known = members, frozenset(members)
        self.cpus, self.memory = size
        self.ranks = state.pack if pack else state.spread
        self.aside: list[tuple[int, Rank]] = []
        self._build()

    def _build(self) -> None:
        state, cpus, memory, ranks = self.state, self.cpus, self.memory, self.ranks
        fits = [n for n in self.members if state.free_cpus[n] >= cpus and state.free_memory[n] >= memory]
        real_cpus, real_memory = state.real_cpus, state.real_memory
        loose = [ranks[n] for n in fits if real_cpus[n] >= cpus and real_memory[n] >= memory]
        tight = [] if len(loose) == len(fits) else [ranks[n] for n in fits if state.tight(n, cpus, memory)]
        heapify(loose)
        heapify(tight)
        self.heaps = (loose, tight)
        self.seen = len(state.changed[self.room])

    def best(self, skip: Container[int]) -> tuple[int, Rank] | None:
        """Its tier (1: only because limits are caps) and rank, whose last part is the host; None: nothing fits."""
        self._catch_up()
        for tier, heap in enumerate(self.heaps):
            while heap:
                rank = heap[0]
                n = int(rank[-1])
                if self.ranks[n] is not rank:
                    heappop(heap)
                elif n in skip:
                    self.aside.append((tier, heappop(heap)))
                else:
                    return tier, rank
        return None

    def restore(self) -> None:
        """Gives back what was skipped for one demand."""
        for tier, rank in self.aside:
            if self.ranks[int(rank[-1])] is rank:
                heappush(self.heaps[tier], rank)
        self.aside.clear()

    def _catch_up(self) -> None:
        changed = self.state.changed[self.room]
        if self.seen == len(changed):
            return
        if (len(changed) - self.seen) * 4 > len(self.members):
            self.aside.clear()
            self._build()
            return
        for n in dict.fromkeys(changed[self.seen :]):
            if n in self.known and self.state.room_for(n, self.cpus, self.memory):
                heappush(self.heaps[self.state.tight(n, self.cpus, self.memory)], self.ranks[n])
        self.seen = len(changed)
