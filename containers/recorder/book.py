"""Calls to engines as entries: repeated ones folded, the first and the last of each step kept. Pure."""

from __future__ import annotations

import json
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

FIRST, LAST = 150, 100  # entries kept of a step on one engine
Key = tuple[int, str]


@dataclass
class Entry:
    """One call, or several of the same kind right after each other. Times: Unix; durations: milliseconds."""

    step: int  # 0: what belongs to no single one, such as pulls
    where: str  # the engine's name
    began: float
    method: str
    path: str
    facts: str
    status: int  # HTTP; 0: nothing came back
    total: int
    longest: int
    words: str = ""  # the engine's, of an error
    count: int = 1
    last: float = 0.0  # when the last of several began

    @property
    def key(self) -> Key:
        return self.step, self.where

    @property
    def failed(self) -> bool:
        """Not so when it was asked whether something is there, and it is not."""
        if self.method == "GET" and self.status == 404:
            return False
        return self.status == 0 or self.status >= 400 or bool(self.words)

    def same(self, other: Entry) -> bool:
        """Whether both asked the same of the same engine, and got the same."""
        mine = (self.key, self.method, self.path, self.facts, self.status, self.words)
        return mine == (other.key, other.method, other.path, other.facts, other.status, other.words)

    def fold(self, other: Entry) -> None:
        self.count += other.count
        self.total += other.total
        self.longest = max(self.longest, other.longest)
        self.last = max(other.last, other.began)


@dataclass
class Book:
    """Takes entries in their order. What is closed is given out once; the rest (the last ones) again whenever it changes."""

    first: int = FIRST
    most: int = LAST
    seen: Counter[Key] = field(default_factory=Counter)
    left_out: Counter[Key] = field(default_factory=Counter)  # calls that were neither of the first nor of the last
    _open: dict[Key, Entry] = field(default_factory=dict)
    _rings: dict[Key, deque[Entry]] = field(default_factory=dict)
    _closed: list[Entry] = field(default_factory=list)
    changed: bool = False

    def add(self, entry: Entry) -> None:
        self.changed = True
        was = self._open.get(entry.key)
        if was is not None and was.same(entry):
            was.fold(entry)
            return
        if was is not None:
            self._close(was)
        self._open[entry.key] = entry

    def _close(self, entry: Entry) -> None:
        if self.seen[entry.key] < self.first:
            self._closed.append(entry)
        else:
            ring = self._rings.setdefault(entry.key, deque())
            ring.append(entry)
            if len(ring) > self.most:
                self.left_out[entry.key] += ring.popleft().count
        self.seen[entry.key] += 1

    def take(self) -> tuple[list[Entry], list[Entry]]:
        """Entries to be stored now for good, and those that replace what was given so the last time (copies)."""
        closed, self._closed, self.changed = self._closed, [], False
        rest = [one for ring in self._rings.values() for one in ring] + list(self._open.values())
        return closed, [replace(one) for one in rest]

    def go_on(self, stored: Iterable[Entry], rest: Iterable[Entry], left_out: Counter[Key]) -> None:
        """After a death: what is stored counts."""
        self.seen.update(one.key for one in stored)
        self.left_out.update(left_out)
        for one in rest:
            self._close(one)


def packed(entries: Iterable[Entry], left_out: Counter[Key] | None = None) -> bytes:
    missing = [[step, where, n] for (step, where), n in (left_out or {}).items()]
    return zlib.compress(json.dumps([[list(vars(one).values()) for one in entries], missing]).encode(), 3)


def unpacked(data: bytes | memoryview[int]) -> tuple[list[Entry], Counter[Key]]:
    """What `packed` made; nothing of nothing."""
    if not data:
        return [], Counter()
    rows, missing = json.loads(zlib.decompress(bytes(data)))
    return [Entry(*row) for row in rows], Counter({(step, where): n for step, where, n in missing})


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """By time; what a death or a second reader tore apart is folded again."""
    found: list[Entry] = []
    latest: dict[Key, Entry] = {}
    for one in sorted(entries, key=lambda e: e.began):
        was = latest.get(one.key)
        if was is not None and was.same(one):
            was.fold(one)
            continue
        latest[one.key] = replace(one)
        found.append(latest[one.key])
    return found


def counts(entries: Sequence[Entry]) -> tuple[int, int]:
    """How many calls, and how many of them failed."""
    return sum(one.count for one in entries), sum(one.count for one in entries if one.failed)
