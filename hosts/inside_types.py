"""What is asked of a container's inside, and what is seen there; how, each runtime knows (`hosts.inside`, `hosts.lxd.inside`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Asked:
    """A container to look into. `resolver`: what its /etc/resolv.conf shall be; empty: as it is."""

    engine_id: str
    pid: int
    resolver_path: str = ""
    resolver: str = ""


@dataclass(frozen=True)
class Observed:
    """What one container sees. `before`: its resolver before it was written; `error`: what the writing said."""

    hostname: str = ""
    hosts: str = ""
    resolver: str = ""
    before: str = ""
    wrote: bool = False
    error: str = ""
    addresses: tuple[str, ...] = ()
    mac: str = ""
    mtu: int = 0
    gateway: str = ""
    card: str = ""  # the tool's words where there is no eth0


class Insides(Protocol):
    """A runtime that looks inside by itself, without a helper among the host's processes."""

    def look(self, asked: Sequence[Asked]) -> dict[str, Observed]:
        """Engine id → what it sees; who has ended meanwhile is left out. Raises EngineError."""
        ...
