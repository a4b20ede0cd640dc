"""From a collector's lines to readings. Pure; what makes no sense is counted and skipped.

A block is one tick: a line `B` that says when, lines of the host and of containers, and a line `E` with their number, so that
one whose beginning or end is missing is known. A value that could not be read there is `-`. Counters are the kernel's own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

PROTOCOL = "1"
ID = re.compile(r"[0-9a-f]{64}")
LONGEST = 16_000  # characters of a line; a real one is a few hundred
MOST = 20_000  # lines of a block
UNLIMITED = 1 << 60  # version 1 says «no limit» with a number of about this size
Number = float | None


class Disk(NamedTuple):
    """Counters of a block device."""

    read_bytes: float
    write_bytes: float
    read_ops: float
    write_ops: float


class Traffic(NamedTuple):
    """Counters of a network card, or of all of a container's."""

    rx_bytes: Number
    rx_packets: Number
    rx_errors: Number
    rx_dropped: Number
    tx_bytes: Number
    tx_packets: Number
    tx_errors: Number
    tx_dropped: Number


class Reading(NamedTuple):
    """A container at a moment `at` (seconds of its machine's uptime). `started`: when its first process was born."""

    at: float
    started: str
    cpu: Number  # ns
    throttled_periods: Number
    throttled_time: Number  # ns
    quota: Number  # µs a period; None: no limit
    period: Number
    usage: Number
    cache: Number
    inactive: Number
    limit: Number
    failcnt: Number
    oom_kills: Number
    processes: Number
    network: Traffic
    sockets: Number  # all but those in TIME_WAIT
    current: Number  # established, or in CLOSE_WAIT
    time_wait: Number
    listen: Number
    close_wait: Number
    disks: dict[str, Disk] | None  # None: not known
    # mount → as of a machine's; None: not known
    filesystems: dict[str, tuple[float, ...]] | None = None


@dataclass(slots=True)
class HostReading:
    """A machine at a moment."""

    cpu_busy: Number = None  # hundredths of a second, all CPUs together
    load: tuple[Number, Number, Number] = (None, None, None)
    processes: Number = None
    # KiB: total, available, free, buffers, cached, reclaimable, swap, swap free
    memory: tuple[Number, ...] = (None,) * 8
    pressure: tuple[Number, Number, Number] = (None, None, None)  # CPU, memory, I/O
    retransmitted: Number = None
    segments: Number = None
    tracked: Number = None
    trackable: Number = None
    collector_cpu: Number = None  # ns
    collector_memory: Number = None
    disks: dict[str, tuple[Disk, float]] = field(default_factory=dict)  # with ms in which it was busy
    cards: dict[str, Traffic] = field(default_factory=dict)
    # mount → block size, blocks, free, free for users, inodes, free inodes
    filesystems: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Block:
    """One tick. `uptime` counts from the machine's boot, `begun` is when the collector began."""

    seq: int
    uptime: float
    boot: str
    begun: float
    interval: float
    version: str
    layout: int
    cpus: int
    host: HostReading = field(default_factory=HostReading)
    containers: dict[str, Reading] = field(default_factory=dict)
    lines: int = 1


class Nonsense(ValueError):
    """A line that no collector writes."""


def number(text: str) -> Number:
    """What cannot be below 0; `-` and `max` are nothing."""
    if text in {"-", "max", "-1"}:
        return None
    found = float(text)
    if not math.isfinite(found) or found < 0 or "_" in text or not text.isascii():
        raise Nonsense(text)
    return found


def _numbers(words: list[str], count: int) -> tuple[Number, ...]:
    if len(words) != count:
        raise Nonsense(f"{len(words)} values")
    return tuple([number(word) for word in words])


def _known(words: list[str], count: int) -> tuple[float, ...]:
    return tuple(value or 0.0 for value in _numbers(words, count))


def _begin(words: list[str]) -> Block:
    protocol, seq, uptime, boot, begun, interval, version, layout, cpus = words
    if protocol != PROTOCOL:
        raise Nonsense(protocol)
    values = [number(word) for word in (seq, uptime, begun, interval, layout, cpus)]
    if None in values or not values[3]:
        raise Nonsense("a block without its time")
    at, began, every = values[1], values[2], values[3]
    return Block(int(seq), at or 0.0, boot, began or 0.0, every, version, int(layout), int(cpus))


def _disks(words: list[str]) -> dict[str, Disk] | None:
    if words == ["-"]:
        return None
    found: dict[str, Disk] = {}
    for word in words:
        if word != "0":
            name, *values = word.split(",")
            found[name[:40]] = Disk(*_known(values, 4))
    return found


def _container(words: list[str]) -> tuple[str, Reading]:
    if len(words) < 29 or not ID.fullmatch(words[0]):
        raise Nonsense("a container")
    at = number(words[1])
    v = [number(word) for word in words[3:28]]
    limit = v[8]
    if at is None:
        raise Nonsense("a container without its time")
    bounded = None if limit is None or limit > UNLIMITED else limit
    traffic = Traffic(v[12], v[13], v[14], v[15], v[16], v[17], v[18], v[19])
    return words[0], Reading(
        at, words[2], v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], bounded, v[9], v[10], v[11],
        traffic, v[20], v[21], v[22], v[23], v[24], _disks(words[28:]),
    )  # fmt: skip


def _take(block: Block, kind: str, words: list[str]) -> None:
    """One line into the block."""
    host = block.host
    if kind == "C":
        engine_id, reading = _container(words)
        block.containers[engine_id] = reading
    elif kind == "D":
        *counters, busy = _known(words[1:], 5)
        host.disks[words[0][:40]] = Disk(*counters), busy
    elif kind == "N":
        host.cards[words[0][:40]] = Traffic(*_numbers(words[1:], 8))
    elif kind == "F":
        host.filesystems[" ".join(words[6:])[:200]] = _known(words[:6], 6)
    elif kind == "U":
        host.cpu_busy, _idle = _numbers(words, 2)
    elif kind == "L":
        one, five, fifteen, host.processes = _numbers(words, 4)
        host.load = one, five, fifteen
    elif kind == "M":
        host.memory = _numbers(words, 8)
    elif kind == "Q":
        cpu, memory, disk = _numbers(words, 3)
        host.pressure = cpu, memory, disk
    elif kind == "T":
        host.retransmitted, host.segments, host.tracked, host.trackable = _numbers(words, 4)
    elif kind == "P":
        host.collector_cpu, host.collector_memory = _numbers(words, 2)
    else:
        raise Nonsense(kind)


class Parser:
    """Takes lines, gives whole blocks. `bad`: lines that made no sense, and those of blocks that did not come whole."""

    def __init__(self) -> None:
        self.bad = 0
        self._block: Block | None = None
        self._broken = 0

    def feed(self, line: str) -> Block | None:
        """The block that this line ends, if it does."""
        kind, *words = line[: LONGEST + 1].split(" ")
        try:
            if len(line) > LONGEST:
                raise Nonsense("too long")
            if kind == "E":
                return self._end(words)
            if kind == "B":
                self._drop()
                self._block, self._broken = _begin(words), 0
            elif self._block is None:
                self.bad += 1
            else:
                self._block.lines += 1
                if self._block.lines > MOST:
                    self._drop()
                else:
                    _take(self._block, kind, words)
        except (ValueError, IndexError, TypeError):
            self.bad += 1
            self._broken += 1
        return None

    def _end(self, words: list[str]) -> Block | None:
        block, self._block = self._block, None
        if block is None:
            self.bad += 1
        elif words == [str(block.seq), str(block.lines)]:
            return block
        else:
            self.bad += block.lines - self._broken + 1
        return None

    def _drop(self) -> None:
        """Another one begins before this one's end."""
        if self._block is not None:
            self.bad += self._block.lines - self._broken
            self._block = None

    def blocks(self, lines: Iterable[str]) -> Iterator[Block]:
        for line in lines:
            found = self.feed(line)
            if found is not None:
                yield found
