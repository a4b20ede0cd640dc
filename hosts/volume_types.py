"""What a runtime that keeps data can do with volumes, whichever it is: reached as `engine.volumes` (None: the runtime cannot)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hosts.inventory import Space
from hosts.volume_moves import VolumeMoves


@dataclass(frozen=True)
class Volume:
    """A volume of a storage pool. `target`: its path inside (empty: no container was asked about); `size`: bytes that it takes,
    None where the pool does not count; `users`: identities of all containers of the server that have it, stopped ones, too;
    `copies`: a snapshot copies all of it, so that it takes as long as its size wants; `newest`: only its newest snapshot can be put
    back, and while it has one, no other data can be put into it in place.
    """

    name: str
    target: str
    pool: str
    size: int | None = None
    users: tuple[str, ...] = ()
    copies: bool = False
    newest: bool = False


class Volumes(Protocol):
    """All may be repeated and raise EngineError; times in seconds."""

    @property
    def moves(self) -> VolumeMoves: ...  # out of the server, and into it

    def of(self, container: str) -> list[Volume]:
        """The volumes of the pool that a container has, stopped or not. Kind `not_found`: there is no such container."""
        ...

    def measured(self, container: str, volume: Volume) -> int | None:
        """Bytes of the files in it, counted inside a container that has it and runs; None: nobody there can count."""
        ...

    def named(self, name: str, pool: str, target: str = "") -> Volume | None:
        """A volume by its name; None: there is none."""
        ...

    def find(self, name: str) -> Volume | None:
        """The same in whichever pool it is."""
        ...

    def remove(self, volume: Volume, timeout: float) -> None:
        """Remove it with all its snapshots; gone is done. Refused while a container has it, running or not."""
        ...

    def room(self, pool: str) -> Space | None:
        """How much a pool has, and has left; None: it does not tell."""
        ...

    def freeze(self, container: str) -> None:
        """Hold all its processes still; one that is held, or does not run, stays as it is."""
        ...

    def thaw(self, container: str) -> None:
        """Let them go on; what is not held, or gone, is none's concern."""
        ...

    def frozen(self, container: str) -> bool: ...

    def take(self, volume: Volume, snapshot: str, timeout: float) -> None:
        """A snapshot under this name; one that is there, whole or not, is made anew."""
        ...

    def snapshots(self, volume: Volume) -> list[str]:
        """The names of all its snapshots, ours and others'."""
        ...

    def put_back(self, volume: Volume, snapshot: str, timeout: float) -> None:
        """The volume is as it was at the snapshot; what was written since is lost. Refused while a container that has it runs.

        Kind `conflict`: later ones are in the way (`later`); nothing was changed.
        """
        ...

    def later(self, volume: Volume, snapshot: str) -> list[str]:
        """Snapshots that keep this one from being put back, as far as the server says which; in most pools none does."""
        ...

    def drop(self, volume: Volume, snapshot: str, timeout: float) -> None:
        """Remove a snapshot; gone is done."""
        ...
