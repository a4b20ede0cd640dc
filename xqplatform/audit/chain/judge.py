"""Judges a chain: reads it once, in its stored order, and names what was changed, removed, inserted or reordered. Pure.

A fault is named where it is, and what follows is judged by what is stored there, so that one changed event is one fault.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from xqplatform.audit.chain.canonical import FORM, GENESIS, link_hash

CHANGED, REMOVED, INSERTED, REORDERED = "changed", "removed", "inserted", "reordered"
MOST = 1000  # faults that are named; more are counted
COMPARED = 200  # faulty events that are compared with one another, whether they changed places


class Linked(NamedTuple):
    """An event in its place; `body` is None where there is no such event."""

    position: int
    event_id: int
    previous: str
    hash: str
    seal: str
    body: str | None
    form: int = FORM


class Fault(NamedTuple):
    kind: str
    position: int | None
    event_id: int | None
    words: str

    def __str__(self) -> str:
        place = f"position {self.position}" if self.position is not None else "no position"
        event = f", event {self.event_id}" if self.event_id is not None else ""
        return f"{self.kind}: {place}{event}: {self.words}"


@dataclass
class Judge:
    """Feed it every `Linked`, then `end`. `start` and `previous`: where the chain begins (after an archive).

    `sealed(seal, body)` tells whether the platform wrote an event; None where nobody can tell (no key).
    """

    start: int = 0
    previous: str = GENESIS
    sealed: Callable[[str, str], bool] | None = None
    last: int | None = None  # the position it must reach; None: unknown
    marks: Mapping[int, str] = field(default_factory=dict)  # position → hash, from signed checkpoints
    faults: list[Fault] = field(default_factory=list)
    count: int = 0
    more: int = 0  # faults beyond MOST

    def __post_init__(self) -> None:
        self.position = self.start
        self._ends = {self.previous}  # hashes that the next event may name as the one before it
        self._gaps: list[tuple[int, int]] = []  # positions that did not come yet
        self._wanted: dict[int, str] = {}  # position → the hash that its follower names
        self._broken: list[Linked] = []

    @property
    def hash(self) -> str:
        """The hash at `position`, as it is stored there."""
        return self._stored if self.position > self.start else self.previous

    def say(self, kind: str, position: int | None, event_id: int | None, words: str) -> None:
        if len(self.faults) < MOST:
            self.faults.append(Fault(kind, position, event_id, words))
        else:
            self.more += 1

    def feed(self, row: Linked) -> None:
        position = row.position
        if position <= self.position:
            self._late(row)
            return
        self.count += 1
        if row.body is None:
            self.say(REMOVED, position, row.event_id, "the event is gone, its link is there.")
        if position > self.position + 1:
            insort(self._gaps, (self.position + 1, position - 1))
            self._wanted[position - 1] = row.previous
            joined = True  # whether what is missing comes later is known at the end
        else:
            joined = row.previous in self._ends
        ends = {row.hash}
        if row.body is not None:
            computed = self._computed(row)
            if computed == row.hash:
                self._check_seal(row)
                if not joined:
                    self._forged(row)
            else:
                ends.add(computed)
                self._changed(row, joined)
        elif not joined:
            self._forged(row)
        if self.marks.get(position, row.hash) != row.hash:
            self.say(
                CHANGED, position, row.event_id, f"a signed checkpoint names another hash here: {self._since(position)}"
            )
        self._ends = ends
        self._stored = row.hash
        self.position = position

    def _since(self, position: int) -> str:
        """Where it must have happened, as checkpoints tell."""
        good = max((mark for mark in self.marks if mark < position), default=self.start)
        return f"what stands between {good} and {position} was written anew."

    def _computed(self, row: Linked, position: int | None = None, previous: str | None = None) -> str:
        if row.form != FORM or row.body is None:
            return ""
        return link_hash(position or row.position, previous or row.previous, row.event_id, row.seal, row.body)

    def _check_seal(self, row: Linked) -> None:
        if self.sealed is not None and row.body is not None and not self.sealed(row.seal, row.body):
            self.say(INSERTED, row.position, row.event_id, "the platform did not write this event (its seal is wrong).")

    def _changed(self, row: Linked, joined: bool) -> None:
        self._broken.append(row)
        if not joined and any(self._computed(row, previous=end) == row.hash for end in self._ends):
            words = "its link names another hash as the one before it."
        elif self.sealed is not None and row.body is not None and self.sealed(row.seal, row.body):
            words = "its link was changed (its seal is right)."
        else:
            words = "it is not what was linked here."
        self.say(CHANGED, row.position, row.event_id, words)

    def _forged(self, row: Linked) -> None:
        """It fits its own hash but does not follow what stands before it."""
        self.say(
            CHANGED,
            row.position - 1,
            None,
            f"position {row.position} (event {row.event_id}) follows another one: "
            "what stands here was put in its place and its hash computed anew.",
        )

    def _late(self, row: Linked) -> None:
        """It comes after one with a higher position, or a second time: only in a file."""
        place = next(((a, b) for a, b in self._gaps if a <= row.position <= b), None)
        if place is None:
            self.say(INSERTED, row.position, row.event_id, "this position is there twice.")
            return
        self.count += 1
        first, last = place
        self._gaps.remove(place)
        for gap in ((first, row.position - 1), (row.position + 1, last)):
            if gap[0] <= gap[1]:
                insort(self._gaps, gap)
        if row.position > first:
            self._wanted[row.position - 1] = row.previous
        wanted = self._wanted.pop(row.position, row.hash)
        if self._computed(row) != row.hash or wanted != row.hash:
            self.say(CHANGED, row.position, row.event_id, "it is not what was linked here.")
        self.say(REORDERED, row.position, row.event_id, "it stands behind events that came after it.")

    def end(self) -> None:
        """Names what never came, and events that changed places."""
        if self.last is not None and self.position < self.last:
            insort(self._gaps, (self.position + 1, self.last))
        for first, last in self._gaps:
            what = "this position is" if first == last else f"positions {first} to {last} are"
            self.say(REMOVED, first, None, f"{what} missing.")
        self._gaps = []
        self._name_swapped()

    def _name_swapped(self) -> None:
        for here in self._broken[:COMPARED]:
            for other in self._broken[:COMPARED]:
                if other is here or other.body is None:
                    continue
                if self._computed(other, here.position, here.previous) == here.hash:
                    self.say(
                        REORDERED,
                        here.position,
                        other.event_id,
                        f"it was at position {here.position}, and is at {other.position}.",
                    )
                elif self._computed(here, other.position) == here.hash:
                    self.say(REORDERED, here.position, here.event_id, f"it was at position {other.position}.")


def judged(rows: Iterable[Linked], judge: Judge) -> Judge:
    """Feeds all of it."""
    for row in rows:
        judge.feed(row)
    judge.end()
    return judge
