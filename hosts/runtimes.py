"""What is true of each kind of runtime before anybody talks to it. Everybody else asks this table, or the engine. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

Runtime = Literal["docker", "lxd"]
STATELESS, STATEFUL = "stateless", "stateful"
ENGINE, SERVER = "engine", "server"  # families of conformance checks


@dataclass(frozen=True)
class Traits:
    """`port`, `socket`: where it listens unless somebody says otherwise; `takes`: kinds of services, `prefers`: those that go there and
    nowhere else as soon as there is such a host; `joins`: over TCP it has to be told to trust the platform; `versioned`: what it can do
    is told by its API's version; `checks`: which family of conformance checks is about it; `folders`: data may
    lie in folders of the host, made when they are first wanted; `keeps`: its volumes have snapshots; `measures`: its server
    counts what all that runs there uses; `upkept`: the platform sets it up, upgrades it and writes its settings over SSH.
    """

    title: str
    port: int
    socket: str
    connections: frozenset[str]
    takes: frozenset[str]
    prefers: frozenset[str]
    builds: bool = False
    joins: bool = False
    versioned: bool = False
    checks: str = ENGINE
    folders: bool = False
    keeps: bool = False
    measures: bool = False
    upkept: bool = False


TRAITS = {
    "docker": Traits(
        "Docker Engine", 2376, "/var/run/docker.sock", frozenset({"local", "tcp", "ssh"}),
        takes=frozenset({STATELESS, STATEFUL}), prefers=frozenset({STATELESS}), builds=True, versioned=True, folders=True, upkept=True,
    ),
    "lxd": Traits(
        "LXD", 8443, "/var/snap/lxd/common/lxd/unix.socket", frozenset({"local", "tcp"}),
        takes=frozenset({STATEFUL}), prefers=frozenset({STATEFUL}), joins=True, checks=SERVER, keeps=True, measures=True,
    ),
}  # fmt: skip


def unsuited(runtime: str, kind: str, others: Collection[str]) -> str:
    """Why a host of this runtime takes no services of this kind; empty: it does. `others`: runtimes of the fleet's hosts that run services."""
    traits = TRAITS[runtime]
    if kind not in traits.takes:
        words = _("it is an %(runtime)s host, which takes stateful services only")
        return words % {"runtime": traits.title}
    if kind not in traits.prefers and any(kind in TRAITS[other].prefers for other in others):
        return _("stateful services go to LXD hosts, of which there are some")
    return ""
