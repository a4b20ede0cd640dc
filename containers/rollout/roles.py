"""Who goes when, by what instances say of their role: replicas first, a primary last and by itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

PRIMARY, REPLICA = "primary", "replica"
# What databases call it themselves → the word.
WORDS = {
    **dict.fromkeys((PRIMARY, "master", "leader"), PRIMARY),
    **dict.fromkeys((REPLICA, "slave", "follower", "standby", "secondary"), REPLICA),
}
TURN = {REPLICA: 0, "": 1, PRIMARY: 2}  # who does not say may be the primary: after those that are not


def said(code: int, output: str) -> str:
    """The role that a command's output begins with; empty: it did not say one."""
    found = re.match(r"\W*(\w{1,20})", output)
    return WORDS.get(found[1].lower(), "") if found and not code else ""


@dataclass(frozen=True)
class Turn:
    """One that waits for its turn. `key`: whose, `position`: within the release."""

    key: int
    batch: int
    position: int
    role: str = ""


def ordered(turns: Sequence[Turn]) -> list[Turn]:
    """The same ones, in the order of their new positions: those places in batches that there are are filled with replicas, then with
    those that say nothing; each primary has a batch of its own after all others. Where all are the same nothing changes.
    """
    before = sorted(turns, key=lambda turn: (turn.batch, turn.position))
    if len({turn.role for turn in before}) < 2:
        return before
    after = sorted(before, key=lambda turn: TURN[turn.role])
    found: list[Turn] = []
    batch = 0
    for turn, place in zip(after, before, strict=True):
        alone = turn.role == PRIMARY
        batch = found[-1].batch + 1 if alone and found else place.batch
        found.append(replace(turn, batch=batch, position=place.position))
    return found
