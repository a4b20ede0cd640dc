"""What is known of instances and a server does not keep: how healthy they are, and what their consoles said.

`Memory` is of one process; `kept_rows.Rows` is the registered hosts', for all processes and the next start.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

from hosts.lxd.health_states import State

Piece = tuple[int, bytes]  # its number (later ones are greater), what was said


class Away(Exception):
    """It cannot be kept or read just now."""


class Kept(Protocol):
    """By the identity of an instance. Methods raise Away."""

    def states(self, identities: Iterable[str]) -> dict[str, State]: ...
    def put_state(self, identity: str, state: State) -> None: ...

    def pieces(self, identity: str, after: int) -> list[Piece]: ...
    def add_piece(self, identity: str, said: bytes) -> None: ...
    def end_run(self, identity: str, run: str) -> bool:
        """Whether nobody has read the end of this run's console before. True once a run, whoever asks."""

    def drop(self, identity: str, before: int) -> None:
        """Forgets pieces with smaller numbers."""


class Memory:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}
        self._pieces: dict[str, list[Piece]] = {}
        self._ends: dict[str, str] = {}
        self._last = 0

    def states(self, identities: Iterable[str]) -> dict[str, State]:
        with self._lock:
            return {one: self._states[one] for one in identities if one in self._states}

    def put_state(self, identity: str, state: State) -> None:
        with self._lock:
            self._states[identity] = state

    def pieces(self, identity: str, after: int) -> list[Piece]:
        with self._lock:
            return [one for one in self._pieces.get(identity, []) if one[0] > after]

    def add_piece(self, identity: str, said: bytes) -> None:
        with self._lock:
            self._last += 1
            self._pieces.setdefault(identity, []).append((self._last, said))

    def end_run(self, identity: str, run: str) -> bool:
        with self._lock:
            new = self._ends.get(identity) != run
            self._ends[identity] = run
            return new

    def drop(self, identity: str, before: int) -> None:
        with self._lock:
            self._pieces[identity] = [one for one in self._pieces.get(identity, []) if one[0] >= before]
