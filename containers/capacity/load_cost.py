"""What a service's load costs: CPU and memory of one instance as a line over its share of the load, and what follows. Pure.

«Load» is whatever the application tells of itself, requests a second most of the time. An instance needs something at rest
(`base`) and something for each unit of load (`slope`), so n instances need n · base + slope · load.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from django.utils.translation import gettext as _

from containers.capacity import robust
from containers.capacity.robust import Line

MIB = 1024**2
LEAST = 24  # readings
LEAST_VARIED = 0.2  # of the median load, between its 5th and 95th percentile
LEAST_R2 = 0.5
LEAST_COUNTED = 0.7
MOST_INSTANCES = 100_000
CPU_STEP, MEMORY_STEP = 0.25, 128 * MIB  # what proposed limits are rounded up to


class NoFit(Exception):
    """There is no cost that one could rely on; in words for a person. `r2`: of the line that was refused."""

    def __init__(self, why: str, r2: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.r2 = r2


@dataclass(frozen=True)
class Reading:
    """Means over the instances at one moment: load, CPU cores and bytes of memory of one instance; how many they were.

    `peak`: the most memory that any of them had.
    """

    time: float
    load: float
    cpu: float
    memory: float
    instances: int = 1
    peak: float = 0.0


@dataclass(frozen=True)
class Cost:
    """Both lines are of one instance. Loads: the lowest and highest share of an instance, the highest of all together."""

    cpu: Line
    memory: Line
    readings: int
    lowest: float
    highest: float
    most_load: float
    peak_memory: float
    bends: bool  # at the highest loads it needs surely more CPU than the line says

    @property
    def memory_follows(self) -> bool:
        return self.memory.slope > 0


def fit(readings: Sequence[Reading]) -> Cost:
    """Raises NoFit where there are too few readings, the load never varied, or CPU does not follow it."""
    rows = sorted((one for one in readings if _usable(one)), key=lambda one: one.time)
    if len(rows) < LEAST:
        raise NoFit(
            _("Load, CPU and memory were measured together at %(count)d moments; at least %(least)d are needed.")
            % {"count": len(rows), "least": LEAST}
        )
    loads = [one.load for one in rows]
    ordered = sorted(loads)
    low, high = ordered[len(rows) // 20], ordered[-1 - len(rows) // 20]
    if high - low < LEAST_VARIED * max(median(loads), 1e-9):
        raise NoFit(
            _(
                "The load never varied: %(low)s to %(high)s an instance. What it costs shows only where there is more and "
                "less of it; choose a longer range."
            )
            % {"low": f"{low:.4g}", "high": f"{high:.4g}"}
        )
    cpu = robust.line(loads, [one.cpu for one in rows])
    memory = robust.line(loads, [one.memory for one in rows])
    if cpu is None or memory is None:
        raise NoFit(_("The load never varied."))
    _judge(cpu)
    if not memory.rises:
        # Heaps and caches fill whatever the load is: then what it has is what it needs.
        memory = robust.line(loads, [one.memory for one in rows], flat=True) or memory
    return Cost(
        cpu=cpu,
        memory=memory,
        readings=len(rows),
        lowest=ordered[0],
        highest=ordered[-1],
        most_load=max(one.load * one.instances for one in rows),
        peak_memory=max(max(one.peak, one.memory) for one in rows),
        bends=_bends(rows, cpu),
    )


def _usable(one: Reading) -> bool:
    values = (one.load, one.cpu, one.memory)
    return one.instances > 0 and all(math.isfinite(value) and value >= 0 for value in values)


def _judge(cpu: Line) -> None:
    if cpu.falls or not cpu.rises:
        raise NoFit(
            _(
                "CPU does not rise with this load (%(slope)s ± %(error)s cores a unit): another series may be the one that costs."
            )
            % {"slope": f"{cpu.slope:.3g}", "error": f"{cpu.slope_error:.2g}"},
            cpu.r2,
        )
    if cpu.r2 < LEAST_R2 or cpu.counted < LEAST_COUNTED:
        raise NoFit(
            _(
                "The fit is bad: the load explains %(r2).0f %% of what CPU does, and %(off).0f %% of the moments lie far off "
                "the line. Something else uses the CPU, or a release changed what a request costs; choose a range after it."
            )
            % {"r2": 100 * cpu.r2, "off": 100 * (1 - cpu.counted)},
            cpu.r2,
        )


def _bends(rows: Sequence[Reading], cpu: Line) -> bool:
    """Whether at the highest tenth of the loads most points lie well above the line."""
    top = sorted(rows, key=lambda one: one.load)[-max(5, len(rows) // 10) :]
    return median(one.cpu - cpu.at(one.load) for one in top) > max(cpu.spread, 0.02 * cpu.at(top[-1].load))


@dataclass(frozen=True)
class Span:
    """The likely value, and what it lies between 19 times out of 20."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True)
class Need:
    """What the load needs. `instances`: None where no number of them would do, `why` says so; `bound`: what decides it.

    `cpu`, `memory`: of all instances together; `cpus`, `bytes`: the limits of one that it would propose; `warnings`: in words.
    """

    load: float
    instances: Span | None
    cpu: Span
    memory: Span
    cpus: float
    bytes: int
    bound: str = ""
    why: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return int(self.instances.likely) if self.instances else 0

    @property
    def safe(self) -> int:
        """So many are enough even where the cost is at the upper end of its error."""
        return int(self.instances.high) if self.instances else 0


def need(cost: Cost, load: float, *, cpus: float, memory: int, target: float, standing: int = 1) -> Need:
    """What `load` (of all instances together) needs with these limits of one instance, used to `target` (0 to 1) at most.

    A limit of 0 bounds nothing. `standing`: how many there are now, which proposed limits go by where no number would do.
    """
    sides = [_count(cost, load, side, cpus * target, memory * target) for side in (-1, 0, 1)]
    likely = sides[1]
    instances = None
    why = bound = ""
    if likely is None:
        why = _never(cost, cpus, memory, target)
    else:
        low, high = sides[0] or likely, sides[2]
        if high is None:
            why = _("At the upper end of the error no number of instances would do: their limits are too small.")
        instances = Span(min(low, likely), likely, max(likely, high or likely))
        bound = _bound(cost, load / likely, cpus * target, memory * target)
    n = likely or max(1, standing)
    share = load / n
    return Need(
        load=load,
        instances=instances,
        cpu=_all(cost.cpu, share, n),
        memory=_all(cost.memory, share, n),
        cpus=_up((_high(cost.cpu, share) + 2 * cost.cpu.spread) / target, CPU_STEP),
        bytes=int(_up(max(_high(cost.memory, share) / target, cost.peak_memory * 1.1), MEMORY_STEP)),
        bound=bound,
        why=why,
        warnings=_warnings(cost, load, share),
    )


def _count(cost: Cost, load: float, side: int, cpu: float, memory: float) -> int | None:
    """The fewest instances that stay below both; None if none do."""

    def fits(n: int) -> bool:
        share = load / n
        return all(
            room <= 0 or _side(line, share, side) <= room for line, room in ((cost.cpu, cpu), (cost.memory, memory))
        )

    if not fits(MOST_INSTANCES):
        return None
    few, many = 0, MOST_INSTANCES
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if fits(middle) else (middle, many)
    return many


def _side(line: Line, share: float, side: int) -> float:
    """The line, or the lower or upper end of its error; below nothing there is nothing."""
    return max(0.0, line.at(share) + side * line.error(share))


def _high(line: Line, share: float) -> float:
    return _side(line, share, 1)


def _all(line: Line, share: float, n: int) -> Span:
    return Span(*(n * _side(line, share, side) for side in (-1, 0, 1)))


def _bound(cost: Cost, share: float, cpu: float, memory: float) -> str:
    used = {
        "cpu": cost.cpu.at(share) / cpu if cpu > 0 else 0.0,
        "memory": cost.memory.at(share) / memory if memory > 0 else 0.0,
    }
    return max(used, key=lambda name: used[name])


def _never(cost: Cost, cpus: float, memory: int, target: float) -> str:
    at_rest = ((cost.cpu, cpus * target), (cost.memory, memory * target))
    if all(room <= 0 or line.at(0) < room for line, room in at_rest):
        return _("It would take more than %(most)d instances.") % {"most": MOST_INSTANCES}
    if 0 < memory * target < cost.memory.at(0):
        return _(
            "No number of instances would do: without any load one needs %(base).2f GiB of memory, and %(target).0f %% of its "
            "limit are %(room).2f GiB."
        ) % {"base": cost.memory.at(0) / 1024**3, "target": 100 * target, "room": memory * target / 1024**3}
    return _(
        "No number of instances would do: without any load one needs %(base).2f cores, and %(target).0f %% of its limit are "
        "%(room).2f."
    ) % {"base": cost.cpu.at(0), "target": 100 * target, "room": cpus * target}


def _warnings(cost: Cost, load: float, share: float) -> tuple[str, ...]:
    found = []
    if share > 1.2 * cost.highest:
        found.append(
            _(
                "An instance would get %(share)s; the most that one ever had in this range was %(highest)s. How it behaves "
                "beyond that nobody has seen."
            )
            % {"share": f"{share:.4g}", "highest": f"{cost.highest:.4g}"}
        )
    if load > 3 * cost.most_load:
        found.append(
            _(
                "This is %(times).1f times the highest load of the range: what it shares (a database, a network) may give in first."
            )
            % {"times": load / max(cost.most_load, 1e-9)}
        )
    if cost.bends:
        found.append(_("At its highest loads it needed more CPU than the line says: take the upper end of the range."))
    return tuple(found)


def _up(value: float, step: float) -> float:
    return max(step, math.ceil(value / step - 1e-9) * step)
