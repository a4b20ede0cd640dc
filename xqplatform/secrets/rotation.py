"""Moves every stored secret under the newest key, beside a running platform.

Nothing is remembered of a rotation but the tokens themselves: each says its key. So one that was killed goes on where it
was, and one that is repeated finds nothing to do. A token is replaced only if it is still the one that was read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from xqplatform.secrets import keys
from xqplatform.secrets.columns import Column, columns
from xqplatform.secrets.keyring import Keyring, Undecryptable

BATCH = 100
NAMED = 20  # unreadable rows of a column that are named
PASSES = 5  # writers with an older key are followed so often; status tells what they still wrote


@dataclass
class ColumnState:
    """How many tokens of a column are under which key."""

    column: str
    counts: dict[str, int]
    strangers: list[str] = field(default_factory=list)  # rows under keys that are not at hand, the first ones

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass
class State:
    """What is stored under which key. `keys`: ids at hand, the newest first; UNMARKED stands for tokens that name none."""

    keys: list[str]
    columns: list[ColumnState]

    @property
    def newest(self) -> str:
        return self.keys[0]

    @property
    def counts(self) -> dict[str, int]:
        found: dict[str, int] = dict.fromkeys(self.keys, 0)
        for one in self.columns:
            for key_id, count in one.counts.items():
                found[key_id] = found.get(key_id, 0) + count
        return found

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """How many are under the newest key."""
        return self.counts[self.newest]

    @property
    def left(self) -> int:
        return self.total - self.done

    @property
    def unnamed(self) -> int:
        """Tokens that name no key: they may be under any of them."""
        return self.counts.get("", 0)

    @property
    def strangers(self) -> list[str]:
        return [name for one in self.columns for name in one.strangers]

    def may_drop(self, key_id: str) -> bool:
        """Whether nothing needs the key any more."""
        return key_id != self.newest and not self.counts.get(key_id) and not self.unnamed


def state() -> State:
    """One count a column."""
    ring = keys.ring()
    return State([key.id for key in ring.keys], [_state_of(column, ring) for column in columns()])


def _state_of(column: Column, ring: Keyring) -> ColumnState:
    counts = column.counts()
    strangers = []
    for key_id in sorted(key_id for key_id in counts if key_id and key_id not in ring):
        for pk in column.under(key_id).order_by("pk").values_list("pk", flat=True)[:NAMED]:
            strangers.append(f"{column} {pk} ({key_id})")
    return ColumnState(str(column), counts, strangers)


@dataclass
class Outcome:
    """What a rotation did. `unreadable`: rows whose key is not at hand, or that are damaged; they stay as they are."""

    key: str
    changed: int = 0
    overtaken: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate(told: Callable[[Outcome], None] = lambda outcome: None, batch: int = BATCH) -> Outcome:
    """Re-encrypts all that is not under the newest key. `told` is called after each batch."""
    ring = keys.ring()
    outcome = Outcome(ring.newest)
    for _pass in range(PASSES):
        before = outcome.changed + outcome.overtaken
        outcome.unreadable = []
        for column in columns():
            _rotate_column(column, ring, outcome, told, batch)
        if outcome.changed + outcome.overtaken == before:
            break
    return outcome


def _rotate_column(
    column: Column, ring: Keyring, outcome: Outcome, told: Callable[[Outcome], None], batch: int
) -> None:
    last: Any = None
    while True:
        rows = column.not_under(ring.newest).order_by("pk")
        found = list((rows if last is None else rows.filter(pk__gt=last)).values_list("pk", "stored_token")[:batch])
        if not found:
            return
        for pk, token in found:
            try:
                new = ring.encrypt(ring.decrypt(token))
            except Undecryptable as error:
                outcome.unreadable.append(f"{column} {pk}: {error}")
                continue
            if column.swap(pk, token, new):
                outcome.changed += 1
            else:
                outcome.overtaken += 1
        last = found[-1][0]
        told(outcome)
