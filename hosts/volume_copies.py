"""Volumes from one server to another: what both sides do (`VolumeCopies`, reached as `engine.copies`, None where a runtime cannot), and the way between (`copy`).

A copy goes on where an earlier one was broken off, by names, sizes and times of files. Times count whole seconds there: what is written
in the second in which it is read, and is as long as before, would stay as it was. So a copy that counts is one of a source that nobody
writes to, into a volume that is empty or was filled from the same source while nobody wrote to it either.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError

TURN = 1.0  # seconds between two looks
GIVEN_SECONDS = 15.0  # that the giving side may take to say its last word
SAID = re.compile(r"([\d.]+)\s*([kMGT]?B)\b")
UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True)
class Kept:
    """A volume as its server describes it. `config`: all that another server has to know to hold the same, owners of files included;
    `marks`: labels of ours; `users`: names of containers that have it.
    """

    name: str
    pool: str
    config: Mapping[str, str]
    marks: Mapping[str, str]
    users: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """What lets another server fetch a volume, for some seconds: once. `addresses`: where it can be reached, «host:port»."""

    operation: str
    addresses: tuple[str, ...]
    secrets: Mapping[str, str]
    certificate: str


@dataclass(frozen=True)
class Look:
    """How far a side of a copy is; `words`: the server's, if it failed. «gone»: it does not know any more."""

    state: Literal["running", "done", "failed", "gone"]
    words: str = ""
    moved: int = 0  # bytes


class VolumeCopies(Protocol):
    """What a server does of it. All raise EngineError, and may be repeated."""

    def pool(self) -> str: ...

    def whole(self, pool: str) -> str:
        """The kind of pool, if all of a volume goes to another one of that kind, whatever is there already; empty: only what differs."""
        ...

    def find(self, pool: str, name: str) -> Kept | None: ...

    def make(self, pool: str, like: Kept, name: str, marks: Mapping[str, str]) -> None:
        """An empty volume that holds what `like` holds once that is copied. A name in use is a `conflict`."""
        ...

    def mark(self, pool: str, name: str, marks: Mapping[str, str]) -> None:
        """Sets these labels; an empty text takes one away."""
        ...

    def rename(self, pool: str, name: str, other: str) -> None:
        """Stopped containers that have it follow. Kind `conflict`: the name is in use; refused while one runs."""
        ...

    def remove(self, pool: str, name: str) -> None:
        """Gone is done; refused while a container has it, with kind `conflict`."""
        ...

    def clone(self, pool: str, name: str, snapshot: str, other: str, marks: Mapping[str, str]) -> None:
        """A new volume with what a snapshot of the volume holds."""
        ...

    def pour(self, pool: str, name: str, other: str) -> None:
        """The other volume of the pool, which is there, has the same files as this one, and its snapshots. Kind `conflict`: they would go."""
        ...

    def owned_as(self, pool: str, name: str, like: Kept) -> None:
        """The volume was filled from `like`: files in it are owned as they are there."""
        ...

    def offer(self, pool: str, name: str) -> Offer: ...

    def fetch(self, pool: str, name: str, offer: Offer, address: str) -> str:
        """Begin to fill the volume, which is there, from another server; the operation. Kind `conflict`: it has snapshots, which would go."""
        ...

    def look(self, operation: str) -> Look: ...

    def filling(self, pool: str, name: str) -> list[str]:
        """Operations that write to the volume now, whoever began them."""
        ...


class NoWay(EngineError):
    """The one server does not reach the other at this address: another one may do."""


Check = Callable[[float], None]  # waits so many seconds; raises what ends the waiting
Tell = Callable[[int], None]  # bytes moved


@dataclass(frozen=True)
class End:
    """One end of the way."""

    copies: VolumeCopies
    pool: str
    name: str


def copy(source: End, target: End, *, rest: Check, tell: Tell) -> None:
    """Fills the target's volume from the source's until both sides say that it is done.

    Raises EngineError: kind `unreachable` (with `retry`) when the way broke; what was copied stays, and another try goes on there.
    """
    settle(target, rest)
    failure: EngineError | None = None
    tried: set[str] = set()
    while True:
        offer = source.copies.offer(source.pool, source.name)
        address = next((one for one in offer.addresses if one not in tried), None)
        if address is None:
            raise failure or _nowhere()
        tried.add(address)
        operation = target.copies.fetch(target.pool, target.name, offer, address)
        try:
            return _one_way((source.copies, offer.operation), (target.copies, operation), rest, tell)
        except NoWay as error:
            failure = error


def settle(end: End, rest: Check) -> None:
    """Waits until nobody fills the volume any more: who began it may have died, and the servers went on."""
    while any(end.copies.look(one).state == "running" for one in end.copies.filling(end.pool, end.name)):
        rest(TURN)


def _one_way(gives: tuple[VolumeCopies, str], takes: tuple[VolumeCopies, str], rest: Check, tell: Tell) -> None:
    """`gives`, `takes`: the sides with their operations."""
    given, moved = Look("running"), 0
    while True:
        if given.state == "running":
            given = _seen(*gives)
        taken = takes[0].look(takes[1])
        if taken.moved != moved:
            tell(moved := taken.moved)
        if taken.state != "running":
            break
        rest(TURN)
    if taken.state == "done":
        given = _last_word(*gives, given, rest)
    if (taken.state, given.state) != ("done", "done"):
        raise broken(taken, given, moved)


def _last_word(source: VolumeCopies, operation: str, given: Look, rest: Check) -> Look:
    """The side that takes may be content with nothing: only what both call done is done."""
    until = time.monotonic() + GIVEN_SECONDS
    while given.state == "running" and time.monotonic() < until:
        given = source.look(operation)
        if given.state == "running":
            rest(0.1)
    return given


def _seen(side: VolumeCopies, operation: str) -> Look:
    """A side that cannot be asked may be well: the other one knows whether bytes come."""
    try:
        return side.look(operation)
    except EngineError as error:
        if not error.out_of_reach:
            raise
        return Look("running")


NO_WAY = re.compile(
    r"connection refused|no route to host|network is unreachable|dial (tcp|unix)|no such host|bad handshake", re.I
)
BROKEN = re.compile(
    r"connection (timed out|reset)|i/o timeout|unexpected EOF|broken pipe|abnormal closure|migration source"
    r"|(btrfs|zfs) receive|cannot receive",  # a volume that is sent whole: its end did not come
    re.I,
)
FULL = re.compile(r"no space left|disk quota exceeded|ENOSPC", re.I)


def broken(taken: Look, given: Look, moved: int) -> EngineError:
    """What two looks, not both of them done, mean. Pure."""
    said = " / ".join(one.words for one in (taken, given) if one.words)
    if FULL.search(said):
        return EngineError("no_space", said, _("The pool is full: the data does not fit there."))
    if not moved and NO_WAY.search(taken.words):
        words = _("The servers do not reach each other: %(why)s")
        return NoWay("unreachable", said, words % {"why": taken.words[-300:]})
    if "gone" in {taken.state, given.state} or BROKEN.search(said) or not said:
        words = _("The copy was broken off on its way.")
        return EngineError("unreachable", said, f"{words} {said[-300:]}".strip(), retry=True)
    return EngineError("other", said, _("The data could not be copied: %(why)s") % {"why": said[-500:]})


def _nowhere() -> EngineError:
    words = _("The server that has the data listens on no address: set core.https_address there.")
    return EngineError("other", "no address", words)


def bytes_of(said: str) -> int:
    """«vol1: 38.92MB (38.91MB/s)» as bytes; what says no number as 0. Pure."""
    found = SAID.search(said.rpartition(": ")[2])
    return int(float(found[1]) * UNITS[found[2]]) if found and found[1].count(".") < 2 and found[1] != "." else 0
