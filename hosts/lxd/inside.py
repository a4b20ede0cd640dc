"""What an LXD instance sees inside: its files are read by the server, its card is told by it, the rest by `cat` in the instance."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hosts.engine_errors import EngineError
from hosts.inside_types import Asked, Observed
from hosts.lxd import shape
from hosts.lxd.link import Json

if TYPE_CHECKING:
    from hosts.lxd.engine import LxdEngine

log = logging.getLogger(__name__)
RESOLVER = "/etc/resolv.conf"
NAME, ROUTES = "/proc/sys/kernel/hostname", "/proc/net/route"  # of whoever reads them, so they are read inside
SECONDS = 10.0
UP_AND_GATEWAY = 0x3  # RTF_UP | RTF_GATEWAY


class LxdInsides:
    def __init__(self, engine: LxdEngine) -> None:
        self._engine = engine

    def look(self, asked: Sequence[Asked]) -> dict[str, Observed]:
        found = {}
        for one in asked:
            if self._engine.status_of(one.engine_id) == "Frozen":
                continue  # it would answer when it goes on
            try:
                found[one.engine_id] = self._look(one)
            except EngineError as error:
                if error.out_of_reach:
                    raise
                # One that ended meanwhile, or cannot be looked into, is no reason not to look into the others.
                log.warning("Nobody could look into %s on %s: %s", one.engine_id, self._engine.where, error)
        return found

    def _look(self, one: Asked) -> Observed:
        wanted = one.resolver.strip()
        resolver, before, wrote = self._text(one.engine_id, RESOLVER), "", False
        if wanted and resolver.strip() != wanted:
            before, wrote = resolver, True
            self._engine.write_file(one.engine_id, RESOLVER, f"{wanted}\n")
            resolver = self._text(one.engine_id, RESOLVER)
        code, name = self._engine.exec(one.engine_id, ["cat", NAME], timeout=SECONDS)
        routed, routes = self._engine.exec(one.engine_id, ["cat", ROUTES], timeout=SECONDS)
        card = self._card(one.engine_id)
        return Observed(
            hostname=name.strip() if code == 0 else "",
            hosts=self._text(one.engine_id, "/etc/hosts"),
            resolver=resolver.strip(),
            before=before.strip(),
            wrote=wrote,
            addresses=tuple(str(a["address"]) for a in card.get("addresses") or [] if a.get("family") == "inet"),
            mac=str(card.get("hwaddr") or "").lower(),
            mtu=int(card.get("mtu") or 0),
            gateway=gateway(routes) if routed == 0 else "",
            card="" if card else shape.NIC,
        )

    def _card(self, container: str) -> Json:
        state = self._engine.link.ask("GET", f"{self._engine.path_of(container)}/state")
        return dict((state.get("network") or {}).get(shape.NIC) or {})

    def _text(self, container: str, path: str) -> str:
        try:
            return self._engine.read_file(container, path).decode(errors="replace")
        except EngineError as error:
            if error.kind != "not_found":
                raise
            return ""


def gateway(routes: str) -> str:
    """The default route's gateway out of `/proc/net/route`, where numbers are in the machine's own order of bytes; empty: none."""
    for line in routes.splitlines()[1:]:
        words = line.split()
        everywhere = len(words) > 7 and words[0] == shape.NIC and words[1] == words[7] == "0" * 8
        if everywhere and int(words[3], 16) & UP_AND_GATEWAY == UP_AND_GATEWAY:
            return socket.inet_ntoa(struct.pack("<L", int(words[2], 16)))
    return ""
