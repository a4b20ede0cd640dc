"""What is true of each kind of runtime before anybody talks to it. Everybody else asks this table, or the engine. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Runtime = Literal["docker", "lxd"]


@dataclass(frozen=True)
class Traits:
    """`port`, `socket`: where it listens unless somebody says otherwise; `joins`: over TCP it has to be told to trust the platform."""

    title: str
    port: int
    socket: str
    connections: frozenset[str]
    builds: bool = False
    joins: bool = False


TRAITS = {
    "docker": Traits(
        "Docker Engine", 2376, "/var/run/docker.sock", frozenset({"local", "tcp", "ssh"}), builds=True
    ),
    "lxd": Traits("LXD", 8443, "/var/snap/lxd/common/lxd/unix.socket", frozenset({"local", "tcp"}), joins=True),
}  # fmt: skip
