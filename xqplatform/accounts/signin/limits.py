"""After how many wrong passwords and codes who has to wait. Pure.

A name is never locked for everybody: whoever knows a name could keep its person out. A pair of name and address is, and an
address that tries many names; a name that is guessed from many addresses is slowed, except from where its person came before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PAIR, ADDRESS, NAME = 10, 50, 30
COOL_OFF = 15 * 60.0  # seconds without another failure after which all is forgotten
KNOWN_DAYS = 90  # a place from which somebody signed in since is theirs
SLOW = 36.0  # seconds between two attempts for a name that is guessed from many addresses


@dataclass(frozen=True)
class Failures:
    """How many there were, each within COOL_OFF of the next, and how many seconds ago the last one was."""

    count: int = 0
    ago: float = COOL_OFF


@dataclass(frozen=True)
class Lock:
    what: Literal["pair", "address", "name"]
    wait: float  # seconds


def lock(pair: Failures, address: Failures, name: Failures, known: bool) -> Lock | None:
    """The lock that takes longest. `known`: this person signed in from this address before."""
    locks = []
    if pair.count >= PAIR and pair.ago < COOL_OFF:
        locks.append(Lock("pair", COOL_OFF - pair.ago))
    if address.count >= ADDRESS and address.ago < COOL_OFF:
        locks.append(Lock("address", COOL_OFF - address.ago))
    if name.count >= NAME and name.ago < SLOW and not known:
        locks.append(Lock("name", SLOW - name.ago))
    return max(locks, key=lambda one: one.wait, default=None)
