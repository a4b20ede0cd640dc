"""What the settings forbid (`gate.py`), and its words."""

from __future__ import annotations

import functools
import socket
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from xqplatform.outgoing import gate

PORTS = {"redis": 6379, "rediss": 6379}


def rules() -> gate.Rules:
    """As the settings are now; what they name is read once."""
    database = settings.DATABASES["default"]
    host = str(database.get("HOST") or "")
    own = (host, int(database.get("PORT") or 5432)) if host and not host.startswith("/") else None
    return _read(tuple(settings.FORBIDDEN_NETWORKS), settings.REDIS_URL, own)


def words(why: str, ip: str, port: int) -> str:
    if why == "own":
        text = _("The platform's own broker and database are nobody's address: %(ip)s, port %(port)s.")
        return text % {"ip": ip, "port": port}
    return _("The settings forbid calls to %(ip)s (XQ_FORBIDDEN_NETWORKS).") % {"ip": ip}


GATE = gate.Gate(rules, words)


@functools.cache
def install() -> None:
    gate.install(GATE)


@functools.lru_cache(maxsize=8)
def _read(networks: tuple[str, ...], broker: str, database: tuple[str, int] | None) -> gate.Rules:
    """Names are resolved once a process: who moves the broker restarts the platform."""
    parts = urlsplit(broker)
    places = [database] if database else []
    if parts.scheme in PORTS and parts.hostname:
        places.append((parts.hostname, parts.port or PORTS[parts.scheme]))
    own: set[tuple[str, int]] = set()
    for host, port in places:
        try:
            own |= {(str(entry[4][0]), port) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except OSError:
            continue  # then nobody reaches it by that name either
    return gate.Rules.of(networks, own)
