"""Volumes out of a server and into one, whichever runtime it is: reached as `engine.volumes.moves`.

A backup does not read what is written to: of a snapshot a clone is made, of the clone a file, and the file is read, from any byte on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

Check = Callable[[], None]  # raises what ends the waiting


def go_on() -> None:
    """A check that lets everything go on."""


class VolumeMoves(Protocol):
    """All raise EngineError; kind `no_space` where the pool, or the server's folder for files, is full; and what `check` raises, which is
    called every few seconds of a long wait (what was begun may go on there: `remove_marked` clears it away).
    """

    def clone(
        self, pool: str, volume: str, snapshot: str, name: str, labels: Mapping[str, str], *, check: Check = go_on
    ) -> None:
        """A new volume with what the snapshot holds. A name in use is a `conflict`."""
        ...

    def write_file(self, pool: str, volume: str, *, check: Check = go_on) -> int:
        """Has the server write the volume into its file, anew; bytes of that. It needs room for it, beside the volume."""
        ...

    def read_file(self, pool: str, volume: str, offset: int = 0) -> Iterator[bytes]:
        """The file's bytes from there on, in pieces; never fewer without an error. Kind `not_found`: the file is gone."""
        ...

    def take_in(
        self, pool: str, name: str, pieces: Iterable[bytes], labels: Mapping[str, str], *, check: Check = go_on
    ) -> None:
        """A new volume of a file's bytes; of a broken one nothing is left. What `pieces` raises is raised. A name in use is a `conflict`."""
        ...

    def overwrite(self, pool: str, volume: str, source: str, *, check: Check = go_on) -> None:
        """A volume gets what another one of the pool holds; its snapshots and labels stay. Nobody may be running on it."""
        ...

    def remove_marked(self, pool: str, prefix: str, labels: Mapping[str, str]) -> list[str]:
        """Removes volumes whose name begins so and that carry all these labels; their names. Others are somebody else's."""
        ...

    def pool(self) -> str:
        """The pool that new volumes of this server go to."""
        ...
