"""From two readings that follow each other to values: counters become rates, the rest stays. Pure.

A rate is only where both ends belong together: the same start of the machine, the same first process of the container, at most
one tick lost between them, and no counter that went back. Otherwise there is none, which a chart shows as a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hosts.collector.protocol import Block, Disk, HostReading, Number, Reading, Traffic

APART = 2.5  # ticks between two readings that still give a rate
NANO = 1e9
# Devices that lie upon others: what goes through them is counted below, too.
STACKED = re.compile(r"(dm-|md|loop|zram|nbd|drbd)\d|\d+:\d+$")
Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a block says. `ended`: containers whose first process is gone since the block before."""

    host: Values
    containers: Mapping[str, Values]
    lost: int = 0  # ticks missing before it
    ended: frozenset[str] = field(default_factory=frozenset)
    killing: Mapping[str, int] = field(
        default_factory=dict
    )  # by how much a container's own counter of kills has just risen


def follows(before: Block | None, block: Block) -> bool:
    """Whether rates may be made of both."""
    if before is None or before.boot != block.boot:
        return False
    apart = block.uptime - before.uptime
    return 0.2 * block.interval < apart < APART * max(block.interval, before.interval)


def lost_ticks(before: Block | None, block: Block) -> int:
    """How many ticks are missing between two blocks of one start of the machine."""
    if before is None or before.boot != block.boot or block.uptime <= before.uptime:
        return 0
    by_time = round((block.uptime - before.uptime) / block.interval) - 1
    by_number = block.seq - before.seq - 1 if before.begun == block.begun else 0
    return max(0, by_time, by_number)


def lost_since(position: float | None, block: Block) -> int:
    """The same where only the uptime of the one before is known: its own lines are in no log any more."""
    if position is None or block.uptime <= position:
        return 0
    return max(0, round((block.uptime - position) / block.interval) - 1)


def tick(before: Block | None, block: Block) -> Ticked:
    """The values of a block, given the one before it."""
    old = before if follows(before, block) else None
    known: Mapping[str, Reading] = old.containers if old is not None else {}
    containers = {engine_id: container(known.get(engine_id), now) for engine_id, now in block.containers.items()}
    ended = frozenset(
        one for one, was in known.items() if one not in block.containers or block.containers[one].started != was.started
    )
    seconds = block.uptime - old.uptime if old is not None else 0.0
    return Ticked(
        machine(old.host if old else None, block.host, seconds, block.cpus),
        containers,
        lost_ticks(before, block),
        ended,
        {
            one: round(values["memory.oom_kills"])
            for one, values in containers.items()
            if values.get("memory.oom_kills")
        },
    )


def _rate(found: Values, name: str, before: Number, now: Number, seconds: float) -> None:
    """`seconds`: between both; multiplied by how many of the counter's units are one of the value's."""
    if before is not None and now is not None and now >= before and seconds > 0:
        found[name] = (now - before) / seconds


def _gauge(found: Values, name: str, value: Number) -> None:
    if value is not None:
        found[name] = value


# --- A container ------------------------------------------------------------------------------------------------------


def container(before: Reading | None, now: Reading) -> Values:
    """`before`: the same container in the block before, if it was there."""
    found: Values = {"up": 1.0}
    _memory(found, now)
    _gauge(found, "processes", now.processes)
    _sockets(found, now)
    _filesystems(found, now.filesystems or {})
    if before is not None:
        found["restarts"] = 0.0 if before.started == now.started else 1.0
        if before.started == now.started and now.at > before.at:
            _container_rates(found, before, now, now.at - before.at)
    return found


def _memory(found: Values, now: Reading) -> None:
    _gauge(found, "memory.usage", now.usage)
    _gauge(found, "memory.cache", now.cache)
    _gauge(found, "memory.limit", now.limit)
    if now.usage is not None and now.inactive is not None:
        found["memory.working_set"] = max(0.0, now.usage - now.inactive)
        if now.limit:
            found["memory.percent"] = 100 * found["memory.working_set"] / now.limit


def _sockets(found: Values, now: Reading) -> None:
    """Which of all sockets are established and listening: the states that are counted seldom are cut to what there is."""
    _gauge(found, "tcp.time_wait", now.time_wait)
    if now.sockets is None or now.current is None or now.listen is None or now.close_wait is None:
        return
    closing = min(now.close_wait, now.current)
    rest = max(0.0, now.sockets - now.current)
    listening = min(now.listen, rest)
    found["tcp.close_wait"], found["tcp.established"] = closing, now.current - closing
    found["tcp.listen"], found["tcp.other"] = listening, rest - listening


def _container_rates(found: Values, before: Reading, now: Reading, seconds: float) -> None:
    _rate(found, "cpu.cores", before.cpu, now.cpu, seconds * NANO)
    if "cpu.cores" in found and now.quota and now.period:
        found["cpu.percent"] = 100 * found["cpu.cores"] * now.period / now.quota
    _rate(found, "cpu.throttled_periods", before.throttled_periods, now.throttled_periods, seconds)
    _rate(found, "cpu.throttled_time", before.throttled_time, now.throttled_time, seconds * NANO)
    _rate(found, "memory.failcnt", before.failcnt, now.failcnt, seconds)
    _rate(found, "memory.oom_kills", before.oom_kills, now.oom_kills, 1.0)
    _traffic(found, "", before.network, now.network, seconds)
    _blocks(found, before.disks, now.disks, seconds)


def _traffic(found: Values, device: str, before: Traffic, now: Traffic, seconds: float) -> None:
    for name, old, new in zip(Traffic._fields, before, now, strict=True):
        _rate(found, f"net.{name}{device}", old, new, seconds)


def _blocks(found: Values, before: dict[str, Disk] | None, now: dict[str, Disk] | None, seconds: float) -> None:
    """Each device, and the sum over disks. A device that was not there before had counted nothing."""
    if before is None or now is None:
        return
    sums = [0.0, 0.0, 0.0, 0.0]
    summed = _counted(now)
    for device, new in now.items():
        old = before.get(device, Disk(0.0, 0.0, 0.0, 0.0))
        if any(one > other for one, other in zip(old, new, strict=True)):
            return
        for at, name in enumerate(Disk._fields):
            value = (new[at] - old[at]) / seconds
            found[f"blkio.{name}[{device}]"] = value
            if device in summed:
                sums[at] += value
    found.update({f"blkio.{name}": value for name, value in zip(Disk._fields, sums, strict=True)})


def _counted(devices: Iterable[str]) -> set[str]:
    """The disks themselves; where only devices upon others are known, those."""
    known = set(devices)
    return {one for one in known if not STACKED.match(one)} or known


# --- The machine ------------------------------------------------------------------------------------------------------


def machine(before: HostReading | None, now: HostReading, seconds: float, cpus: int) -> Values:
    """`before`: the reading `seconds` ago, if rates may be made of both."""
    found: Values = {}
    for name, value in zip(("load.1", "load.5", "load.15"), now.load, strict=True):
        _gauge(found, name, value)
    for name, value in zip(("pressure.cpu", "pressure.memory", "pressure.io"), now.pressure, strict=True):
        _gauge(found, name, value)
    _gauge(found, "processes", now.processes)
    _gauge(found, "collector.memory", now.collector_memory)
    _machine_memory(found, now.memory)
    _filesystems(found, now.filesystems)
    _gauge(found, "conntrack.count", now.tracked)
    if now.tracked is not None and now.trackable:
        found["conntrack.percent"] = 100 * now.tracked / now.trackable
    if before is not None:
        _machine_rates(found, before, now, seconds, cpus)
    return found


def _machine_memory(found: Values, memory: tuple[Number, ...]) -> None:
    total, available, free, buffers, cached, reclaimable, swap, swap_free = memory
    if available is None and free is not None:  # kernels before 3.14
        available = free + (buffers or 0.0) + (cached or 0.0)
    if total is not None and available is not None:
        found["memory.total"], found["memory.available"] = total * 1024, available * 1024
        found["memory.used"] = max(0.0, total - available) * 1024
    if cached is not None:
        found["memory.cache"] = (cached + (buffers or 0.0) + (reclaimable or 0.0)) * 1024
    if swap is not None and swap_free is not None:
        found["swap.used"] = max(0.0, swap - swap_free) * 1024


def _filesystems(found: Values, now: Mapping[str, tuple[float, ...]]) -> None:
    for mount, (size, blocks, free, usable, inodes, inodes_free) in now.items():
        used = max(0.0, blocks - free)
        found[f"fs.size[{mount}]"], found[f"fs.used[{mount}]"] = blocks * size, used * size
        if used + usable > 0:  # as df counts: what only root may use is no use
            found[f"fs.percent[{mount}]"] = 100 * used / (used + usable)
        if inodes > 0:
            found[f"fs.inodes_percent[{mount}]"] = 100 * max(0.0, inodes - inodes_free) / inodes


def _machine_rates(found: Values, before: HostReading, now: HostReading, seconds: float, cpus: int) -> None:
    _rate(found, "cpu.cores", before.cpu_busy, now.cpu_busy, seconds * 100)
    if "cpu.cores" in found and cpus:
        found["cpu.percent"] = 100 * found["cpu.cores"] / cpus
    _rate(found, "collector.cpu", before.collector_cpu, now.collector_cpu, seconds * NANO)
    for card, traffic in now.cards.items():
        if card in before.cards:
            _traffic(found, f"[{card}]", before.cards[card], traffic, seconds)
    for device, (disk, busy) in now.disks.items():
        if device in before.disks:
            old, old_busy = before.disks[device]
            for name, one, other in zip(Disk._fields, old, disk, strict=True):
                _rate(found, f"disk.{name}[{device}]", one, other, seconds / (512 if name.endswith("bytes") else 1))
            _rate(found, f"disk.busy[{device}]", old_busy, busy, seconds * 10)  # ms a second → percent
    _rate(found, "tcp.retransmissions", before.retransmitted, now.retransmitted, seconds)
    if "tcp.retransmissions" in found and before.segments is not None and now.segments is not None:
        sent = now.segments - before.segments
        if sent > 0:
            found["tcp.retransmit_ratio"] = min(1.0, found["tcp.retransmissions"] * seconds / sent)
