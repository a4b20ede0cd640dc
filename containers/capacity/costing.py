"""What places cost on a day: the whole price of the hosts, divided by what is committed. Pure; amounts are of one currency.

A host has a price a month, or one a core and one a GiB of its memory; a day of it is the month's part. A price for the whole host is
half for its cores and half for its memory. Of each half that share is *allocated* which is committed of what can be committed there
(all of it, where more is), the rest is *unallocated*. Places bear what is allocated in proportion to their limits: CPU by
CPU, memory by memory. Hosts without a price cost nothing, and are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Price:
    """A month's. `monthly`: of a whole host, else `core` and `gib`. Of one host, of a host group, else of every host."""

    valid_from: date
    monthly: float | None = None
    core: float = 0.0
    gib: float = 0.0
    host: int | None = None
    group: int | None = None

    def parts(self, cores: float, memory: float) -> tuple[float, float]:
        """What a month of a host's cores and of its memory (bytes) costs."""
        if self.monthly is not None:
            return self.monthly / 2, self.monthly / 2
        return self.core * cores, self.gib * memory / GIB


@dataclass(frozen=True, slots=True)
class Machine:
    """A host on a day; cores and bytes."""

    host: int
    group: int | None
    cores: float
    memory: float
    cores_free_of: float  # that can be committed
    memory_free_of: float
    cores_committed: float
    memory_committed: float


@dataclass
class Bill:
    """`places`: amount by place; `unpriced`: hosts without a price."""

    places: dict[int, float] = field(default_factory=dict)
    unallocated: float = 0.0
    unpriced: set[int] = field(default_factory=set)
    priced: set[int] = field(default_factory=set)

    @property
    def total(self) -> float:
        return sum(self.places.values()) + self.unallocated

    def merge(self, other: Bill) -> None:
        for place, amount in other.places.items():
            self.places[place] = self.places.get(place, 0.0) + amount
        self.unallocated += other.unallocated
        self.unpriced |= other.unpriced
        self.priced |= other.priced


Of = tuple[int | None, int | None]  # a host, or a group, or neither: everybody


def valid(day: date, prices: Iterable[Price]) -> dict[Of, Price]:
    """Of each host, each group and everybody the newest that is valid on the day."""
    found: dict[Of, Price] = {}
    for one in prices:
        of = (one.host, None if one.host is not None else one.group)
        if one.valid_from <= day and (of not in found or found[of].valid_from <= one.valid_from):
            found[of] = one
    return found


def price_of(machine: Machine, prices: Mapping[Of, Price]) -> Price | None:
    """Of those that are valid: the host's own before its group's before everybody's."""
    keys: tuple[Of, ...] = ((machine.host, None), (None, machine.group), (None, None))
    return next((prices[of] for of in keys if of in prices), None)


def bill(
    day: date,
    days_of_month: int,
    machines: Iterable[Machine],
    places: Mapping[int, tuple[float, float]],
    prices: Iterable[Price],
) -> Bill:
    """Of one day. `places`: cores and bytes that each has committed."""
    known, found = valid(day, prices), Bill()
    cores = memory = whole = 0.0
    for machine in machines:
        price = price_of(machine, known)
        if price is None:
            found.unpriced.add(machine.host)
            continue
        found.priced.add(machine.host)
        of_cores, of_memory = (part / days_of_month for part in price.parts(machine.cores, machine.memory))
        cores += of_cores * _share(machine.cores_committed, machine.cores_free_of)
        memory += of_memory * _share(machine.memory_committed, machine.memory_free_of)
        whole += of_cores + of_memory
    all_cores, all_memory = (sum(place[n] for place in places.values()) for n in (0, 1))
    for place, (its_cores, its_memory) in places.items():
        amount = (cores * its_cores / all_cores if all_cores > 0 else 0.0) + (
            memory * its_memory / all_memory if all_memory > 0 else 0.0
        )
        if amount > 0:
            found.places[place] = amount
    found.unallocated = max(0.0, whole - sum(found.places.values()))
    return found


def of_one(machine: Machine, prices: Mapping[Of, Price], cores: float, memory: float) -> float | None:
    """What a month of one instance with these limits bears of the machine's price, as in a bill; None: it has no price."""
    price = price_of(machine, prices)
    if price is None:
        return None
    of_cores, of_memory = price.parts(machine.cores, machine.memory)
    return of_cores * _share(cores, machine.cores_free_of) + of_memory * _share(memory, machine.memory_free_of)


def _share(committed: float, possible: float) -> float:
    if committed <= 0:
        return 0.0
    return min(1.0, committed / possible) if possible > 0 else 1.0
