"""A simulated service whose load divides over its instances, under a policy: what the tests look at."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from containers.scaling.decide import decide
from containers.scaling.shape import Attempt, Decision, Memory, Policy, Reason, View

STEP = 10.0
Load = Callable[[float], float]  # what all instances together are asked for, in instances' worth of CPU


@dataclass
class Play:
    """`takes`: seconds that a change is under way. `sample`: value of one instance at a time, None: not measured."""

    policy: Policy
    load: Load
    here: int = 2
    takes: float = 25.0
    metric: str = "cpu.percent"
    most: float = 100.0  # an instance does no more than this
    odd: Callable[[float, int, float], float | None] = lambda at, one, value: value
    clock: Callable[[float], float] = lambda at: at
    grows: Callable[[float, int, int], int] = lambda at, here, to: to  # what comes of a change
    books: dict = field(default_factory=dict)
    past: Callable[[float], dict] = lambda at: {}
    numbers: list[tuple[float, int]] = field(default_factory=list)
    changes: list[tuple[float, int, int]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def run(self, until: float, since: float = 1_000_000.0) -> Play:
        samples: dict[int, list[tuple[float, float]]] = {}
        memory, settled, under_way, attempts = Memory(), self.clock(since) - 3600, None, []
        at = since
        while at < since + until:
            now = self.clock(at)
            if under_way is not None and at >= under_way[0]:
                before, asked, self.here = self.here, under_way[1], self.grows(at, self.here, under_way[1])
                attempts.append(Attempt(now, asked > before, self.here == asked))
                settled, under_way = now, None
            each = min(self.most, 100 * self.load(at - since) / self.here) if self.here else 0.0
            for one in range(self.here):
                value = self.odd(at - since, one, each)
                if value is not None:
                    samples.setdefault(one, []).append((now, value))
            view = View(
                now,
                tuple(range(self.here)),
                settled,
                busy=Reason("release") if under_way is not None else None,
                samples={self.metric: {one: values[-200:] for one, values in samples.items()}},
                past=self.past(now),
                books=self.books,
                attempts=tuple(attempts),
            )
            decision, memory = decide(self.policy, view, Memory.of(memory.to_json()))
            self.decisions.append(decision)
            if decision.to is not None and not self.policy.dry:
                self.changes.append((at - since, self.here, decision.to))
                under_way = (at + self.takes, decision.to)
            self.numbers.append((at - since, self.here))
            at += STEP
        return self

    def turns(self) -> int:
        """How often it went on in the other direction than before."""
        ways = [to > here for _at, here, to in self.changes]
        return sum(a != b for a, b in itertools.pairwise(ways))

    def at(self, moment: float) -> int:
        return [n for at, n in self.numbers if at <= moment][-1]
