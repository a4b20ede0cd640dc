"""«Why is it slow?»: what is known of an instance, its host and its neighbours, and what may be said of it. Pure.

The checks are in `containers.slow_checks`, where the evidence comes from in `containers.slow_evidence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BAD, WARN, NOTE, FINE, UNKNOWN = "bad", "warn", "note", "fine", "unknown"
ORDER = (BAD, WARN, NOTE, UNKNOWN, FINE)


@dataclass(frozen=True)
class Threshold:
    """From `value` on a check speaks (from `bad` on it is the likely reason); `source` says where the number is from."""

    value: float
    source: str
    bad: float | None = None

    def judge(self, measured: float) -> str:
        if self.bad is not None and measured >= self.bad:
            return BAD
        return WARN if measured >= self.value else FINE


@dataclass(frozen=True)
class Stat:
    """A metric over the range: mean and highest. `at`: when it was highest."""

    avg: float
    max: float
    at: float = 0.0


@dataclass(frozen=True)
class Neighbour:
    """Another instance on the same host: its name, its page, and its share of the host."""

    name: str
    url: str
    value: float
    share: float


@dataclass(frozen=True)
class Change:
    """Something that was changed: when, what, by whom; `kind` is release, settings or host."""

    time: float
    kind: str
    words: str
    url: str = ""


@dataclass(frozen=True)
class Growth:
    """A metric's mean before and after the last release."""

    metric: str
    before: float
    after: float
    release: str
    url: str


@dataclass
class Evidence:
    """All that is known. `own` and `host` are metrics by name; what has no samples is not there."""

    own: dict[str, Stat] = field(default_factory=dict)
    host: dict[str, Stat] = field(default_factory=dict)
    cpu_limit: float = 0.0
    memory_limit: float = 0.0
    pids_limit: float = 0.0
    disk_limits: dict[str, float] = field(default_factory=dict)  # blkio.read_bytes → bytes a second
    oom_kills: int = 0
    last_oom: float = 0.0
    restarts: int = 0
    cpu_neighbours: Sequence[Neighbour] = ()
    disk_neighbours: Sequence[Neighbour] = ()
    changes: Sequence[Change] = ()
    growths: Sequence[Growth] = ()
    host_name: str = ""
    host_url: str = ""
    own_url: str = ""


@dataclass(frozen=True)
class Judgement:
    """One check's outcome: a title, a sentence that says what it means and what to do, the numbers, the threshold."""

    code: str
    verdict: str
    title: str
    sentence: str = ""
    evidence: str = ""
    threshold: str = ""
    url: str = ""
    links: tuple[tuple[str, str], ...] = ()

    @property
    def tells(self) -> bool:
        return self.verdict in {BAD, WARN, NOTE}


def busiest(host: Mapping[str, Stat]) -> Stat | None:
    """Of the host's disks, the one that had least rest."""
    busy = [stat for name, stat in host.items() if name.startswith("disk.busy[")]
    return max(busy, key=lambda s: s.avg, default=None)


def stat(points: Iterable[Any]) -> Stat | None:
    """Mean and highest of a series; None without a point."""
    total, count, top, at = 0.0, 0, float("-inf"), 0.0
    for point in points:
        total += point.avg * point.count
        count += point.count
        if point.max > top:
            top, at = point.max, point.time
    return Stat(total / count, top, at) if count else None
