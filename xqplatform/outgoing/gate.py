"""Where no connection of a process goes, whoever asks for it and by whichever library.

People name addresses: of hosts, registries, repositories, hooks, channels, sign-in providers. None of them may lead to what
`XQ_FORBIDDEN_NETWORKS` names (clouds keep their machines' secrets at link-local addresses), nor to the platform's own broker and database.
Python tells of each connection before it is made (the audit event `socket.connect`), with the address that a name resolved to, so
neither a second answer of a name server nor a library that follows redirects leads around it. No Django here: the sender of
messages, a process of its own, is held by it, too (`rules.py` has what the settings say).
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Who speaks with the broker and the database by sockets of Python's.
OWN = ("redis", "kombu", "psycopg")


class ForbiddenAddress(ConnectionError):
    """The settings forbid calls there; the text is for people."""


@dataclass(frozen=True)
class Rules:
    """`own`: (address, port) of what belongs to the platform itself."""

    forbidden: tuple[Network, ...] = ()
    own: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, networks: Iterable[str], own: Iterable[tuple[str, int]] = ()) -> Rules:
        """Raises ValueError for what is no network."""
        return cls(tuple(ipaddress.ip_network(text, strict=False) for text in networks), frozenset(own))


def judge(ip: Address, port: int, rules: Rules) -> str:
    """«network», «own», or «» for an address that may be called. Pure."""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if any(ip in network for network in rules.forbidden if network.version == ip.version):
        return "network"
    return "own" if (str(ip), port) in rules.own else ""


def plain(why: str, ip: str, port: int) -> str:
    return f"Calls to {ip} port {port} are forbidden ({why})."


def found_in(error: BaseException | None) -> ForbiddenAddress | None:
    """What a library made its own error of, if it was this."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ForbiddenAddress):
            return error
        seen.add(id(error))
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return None


class Gate:
    """What the hook asks: rules as they are now, and words for people."""

    def __init__(self, rules: Callable[[], Rules], words: Callable[[str, str, int], str] = plain) -> None:
        self.rules, self.words = rules, words

    def check(self, host: str, port: int) -> None:
        """For connections that another program makes. Raises ForbiddenAddress; a name that does not resolve is that program's affair."""
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        for entry in found:
            self.refuse(str(entry[4][0]), port)

    def refuse(self, host: str, port: int, frame: FrameType | None = None) -> None:
        """Raises ForbiddenAddress for an address that no call may go to."""
        try:
            ip = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:  # a name: its addresses are looked at
            return self.check(host, port)
        why = judge(ip, port, self.rules())
        if why == "network" or (why == "own" and not _by_ourselves(frame)):
            raise ForbiddenAddress(self.words(why, ip.compressed, port))
        return None

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "socket.connect":
            return
        sock, address = args
        if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type & 0xF == socket.SOCK_STREAM:
            self.refuse(str(address[0]), int(address[1]), sys._getframe(1))


def install(gate: Gate) -> None:
    """From now on, for as long as the process lives: Python gives no way to take it off again."""
    sys.addaudithook(gate.hook)


def _by_ourselves(frame: FrameType | None) -> bool:
    """Whether the library that connects is one of OWN. Not whoever called it: below every task of a worker stands Celery."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__")).partition(".")[0]
        if name not in sys.stdlib_module_names:
            return name in OWN
        frame = frame.f_back
    return False
