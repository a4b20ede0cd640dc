"""What one tick's StatsD lines come to, for each sender. Bounded: names a sender, values a timer; what is beyond is counted, not kept."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from containers.told.shape import Shape
from containers.told.statsd import Told
from xqplatform.metrics.catalogue import APP

NAMES = 50  # of one sender
VALUES = 500  # of a timer and tick that are kept for its p95; more are a fair sample of all
IDLE = 360  # ticks after which a sender, or a name of it, that is not heard is forgotten


@dataclass(slots=True)
class Timer:
    """Milliseconds become seconds here; `count` is of all events, told or not."""

    count: float = 0.0
    told: int = 0
    sum: float = 0.0
    max: float = float("-inf")
    kept: list[float] = field(default_factory=list)

    def add(self, value: float, rate: float) -> None:
        self.count += 1 / rate
        self.told += 1
        self.sum += value
        self.max = max(self.max, value)
        if len(self.kept) < VALUES:
            self.kept.append(value)
        else:
            place = random.randrange(self.told)
            if place < VALUES:
                self.kept[place] = value


@dataclass(slots=True)
class Sender:
    names: dict[str, int] = field(default_factory=dict)  # with the ticks since it was told
    counters: dict[str, float] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)  # stay for changes by + and -
    set_now: set[str] = field(default_factory=set)
    dropped: int = 0
    idle: int = 0
    shape: Shape = field(default_factory=Shape)

    def take(self, told: Iterable[Told]) -> int:
        """Takes lines in; how many were dropped."""
        dropped = 0
        for one in told:
            name = f"{one.name}_seconds" if one.kind == "timer" else one.name
            if name not in self.names and len(self.names) >= NAMES:
                dropped += 1
                continue
            self.names[name] = 0
            if one.kind == "counter":
                self.counters[name] = self.counters.get(name, 0.0) + one.value / one.rate
            elif one.kind == "gauge":
                self.gauges[name] = self.gauges.get(name, 0.0) + one.value if one.change else one.value
                self.set_now.add(name)
            else:
                value = one.value / 1000 if one.kind == "timer" else one.value
                self.timers.setdefault(name, Timer()).add(value, one.rate)
        self.dropped += dropped
        return dropped

    def flush(self, seconds: float) -> dict[str, float]:
        """The tick's values, and begins the next one. What was not told is not there."""
        found = {f"{APP}{name}": self.gauges[name] for name in self.set_now}
        found |= {f"{APP}{name}.rate": value / seconds for name, value in self.counters.items()}
        for name, timer in self.timers.items():
            found[f"{APP}{name}.rate"] = timer.count / seconds
            found[f"{APP}{name}.mean"] = timer.sum / timer.told
            found[f"{APP}{name}.p95"] = p95(timer.kept)
            found[f"{APP}{name}.max"] = timer.max
        # A name that is told no more gives its place away, late: names with numbers in them would be new ones each tick.
        # A gauge keeps it, as its value.
        self.idle = 0 if found else self.idle + 1
        self.names = {name: age + 1 for name, age in self.names.items() if age < IDLE or name in self.gauges}
        self.counters, self.timers, self.set_now = {}, {}, set()
        return found


def p95(values: list[float]) -> float:
    """The smallest value that at least 95 percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[-(-95 * len(ordered) // 100) - 1]


@dataclass
class Tally:
    """All senders of a process. `unknown`: datagrams of addresses that no instance holds."""

    senders: dict[str, Sender] = field(default_factory=dict)
    heard: int = 0
    unknown: int = 0
    bad: int = 0
    dropped: int = 0

    def take(self, sender: str, told: list[Told], bad: int) -> None:
        self.heard += 1
        self.bad += bad
        self.dropped += self.senders.setdefault(sender, Sender()).take(told)

    def flush(self, seconds: float) -> dict[str, dict[str, float]]:
        """By sender what it told in the tick; who told nothing is not there."""
        found = {sender: values for sender, one in self.senders.items() if (values := one.flush(seconds))}
        self.senders = {sender: one for sender, one in self.senders.items() if one.idle < IDLE}
        return found
