"""The upstream file of a service in an environment, as nginx reads it. Pure: the same rows make the same text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NOBODY = "127.0.0.1:9"  # nginx refuses an upstream without a server: this one is down and stays so


@dataclass(frozen=True)
class Server:
    number: int
    address: str  # IP:PORT
    is_in: bool


def name_of(service: str, environment: str) -> str:
    """The upstream's name, for `proxy_pass http://NAME`: unique to the place, as long as no environment has «--» in its name."""
    return "xq_" + re.sub(r"[^a-z0-9]", "_", f"{service}__{environment}".lower())


def path_of(folder: str, service: str, environment: str) -> str:
    """The file, in a folder that the front's nginx includes."""
    return f"{folder.rstrip('/')}/{name_of(service, environment)}.conf"


def render(upstream: str, place: str, generation: int, servers: Sequence[Server]) -> str:
    """One server a line; those that are out stand there as `down`. `generation`: a newer file is never replaced by an older."""
    lines = [
        f"# Upstream of {place}, written by xqplatform: what is changed here by hand is lost.",
        f"# generation {generation}",
        f"upstream {upstream} {{",
    ]
    for server in sorted(servers, key=lambda one: one.number):
        lines.append(f"    server {server.address}{'' if server.is_in else ' down'};  # instance {server.number}")
    if not servers:
        lines.append(f"    server {NOBODY} down;  # no instance stands")
    return "\n".join([*lines, "}", ""])
