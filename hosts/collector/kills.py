"""Kills for lack of memory that took their counter with them: which of the engine's words tell of one that nobody counted. Pure.

A kill within a container is counted by the container's own counter, and told of by the engine as well. A kill that ends the container
is only told of: its group, counter and all, is gone at the next reading. Each of the engine's words counts at most once, whichever
of both it was, however close to a reading it came. Times are the platform's: the engine's word has the moment at which it was heard.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

# Seconds by which a reading's time and the moment at which the engine's word was heard may be apart for the same kill.
INEXACT = 2.0
# Seconds within which two words are of one kill: on cgroup v1 the engine sometimes tells a kill twice, some 3 ms apart.
TWINS = 0.05
KEPT = 3  # readings for which a rise of the own counter may still wait for its word
WORDS = 20  # of one container that are compared at most


class Rise(NamedTuple):
    """The own counter rose by `number` between two readings."""

    after: float
    until: float
    number: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is known of one container: rises whose words were not heard yet, and up to when words were dealt with."""

    rises: tuple[Rise, ...] = ()
    spent: float = 0.0

    def rose(self, after: float, until: float, number: int) -> Ledger:
        """`until` a reading the counter is higher by `number` than it was at the one before."""
        return Ledger((*self.rises, Rise(after, until, number))[-WORDS:], self.spent)

    def asks_from(self, seen: float) -> float:
        """From when on the engine's words are needed to judge a life that was last seen then."""
        return max(self.spent, min([seen, *(rise.after for rise in self.rises)]) - INEXACT)


def settle(ledger: Ledger, words: Collection[float], seen: float) -> tuple[int, Ledger]:
    """Of a life that ended after it was seen last: how many kills nobody counted, and what is known then.

    Words are given to rises first, the earliest that fits to each; of the rest those count that are not from before `seen`.
    """
    heard = sorted(word for word in words if word > ledger.spent)[-WORDS:]
    if not heard:
        return 0, ledger
    spent, rises = heard[-1], list[Rise]()
    open_words = [word for before, word in pairwise([ledger.spent, *heard]) if word - before > TWINS]
    for rise in sorted(ledger.rises, key=lambda one: one.until):
        fits = [word for word in open_words if rise.after - INEXACT < word <= rise.until + INEXACT][: rise.number]
        open_words = [word for word in open_words if word not in fits]
        if len(fits) < rise.number and rise.until + INEXACT > spent:
            rises.append(rise._replace(number=rise.number - len(fits)))
    uncounted = sum(1 for word in open_words if word > seen - INEXACT)
    return uncounted, Ledger(tuple(rises), spent)


def _waiting(rises: Collection[Rise], oldest: float) -> list[Rise]:
    """Those since `oldest`, with the older ones that follow each other up to them: the words of neighbours are told apart in a row."""
    kept: list[Rise] = []
    for rise in sorted(rises, key=lambda one: -one.until):
        if rise.until > oldest or (kept and rise.until + INEXACT > kept[-1].after - INEXACT):
            kept.append(rise)
    return kept[::-1]


def settled(ledgers: Mapping[str, Ledger], now: float, apart: float) -> dict[str, Ledger]:
    """Without those that nothing can be told of any more: rises older than a few readings, words from before them."""
    oldest = now - KEPT * apart - 2 * INEXACT
    found = {}
    for one, ledger in ledgers.items():
        rises = tuple(_waiting(ledger.rises, oldest))
        if rises or ledger.spent > oldest:
            found[one] = Ledger(rises, ledger.spent)
    return found
