"""What groups of hosts have, have promised and have left, today and then. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from containers.capacity.whatif.model import Fleet
from containers.placement import Host


@dataclass(frozen=True)
class Figures:
    """A group, or all of them together. `cpus`, `memory`: allocatable without overcommit; `may_*`: what may be promised at most.

    Free is what may still be promised on hosts that take instances. Hosts of an unknown size count for nothing here.
    """

    name: str
    hosts: int = 0
    closed: int = 0
    instances: int = 0
    cpus: float = 0.0
    memory: float = 0.0
    may_cpus: float = 0.0
    may_memory: float = 0.0
    used_cpus: float = 0.0
    used_memory: float = 0.0
    free_cpus: float = 0.0
    free_memory: float = 0.0

    @property
    def cpu_share(self) -> float | None:
        """Promised of what is allocatable; above 1 it is overcommitted. None where nothing is allocatable."""
        return self.used_cpus / self.cpus if self.cpus else None

    @property
    def memory_share(self) -> float | None:
        return self.used_memory / self.memory if self.memory else None


@dataclass(frozen=True)
class Row:
    """A group today and then; `now` or `then` is None where it has no hosts."""

    name: str
    now: Figures | None
    then: Figures | None


def rows_of(fleet: Fleet, then: Sequence[Host]) -> tuple[tuple[Row, ...], Row]:
    before, after = _by_room(fleet.hosts), _by_room(then)
    rows = []
    for room in sorted({*before, *after}, key=lambda room: (not room, fleet.title(room))):
        name = fleet.title(room)
        now, later = before.get(room), after.get(room)
        rows.append(Row(name, figures(name, now) if now else None, figures(name, later) if later else None))
    return tuple(rows), Row("", figures("", fleet.hosts), figures("", then))


def _by_room(hosts: Iterable[Host]) -> dict[int, list[Host]]:
    found: dict[int, list[Host]] = defaultdict(list)
    for host in hosts:
        found[host.room].append(host)
    return found


def figures(name: str, hosts: Iterable[Host]) -> Figures:
    rows = list(hosts)
    open_ = [host for host in rows if not host.closed]
    return Figures(
        name=name,
        hosts=len(rows),
        closed=len(rows) - len(open_),
        instances=sum(host.instances for host in rows),
        cpus=_sum(host.real_cpus for host in rows),
        memory=_sum(host.real_memory for host in rows),
        may_cpus=_sum(host.cpus for host in rows),
        may_memory=_sum(host.memory for host in rows),
        used_cpus=sum(host.used_cpus for host in rows),
        used_memory=sum(host.used_memory for host in rows),
        free_cpus=_sum(max(0.0, host.cpus - host.used_cpus) for host in open_),
        free_memory=_sum(max(0.0, host.memory - host.used_memory) for host in open_),
    )


def _sum(values: Iterable[float]) -> float:
    return math.fsum(value for value in values if math.isfinite(value))
