"""The ticket for one socket: made by a page's own request (session and CSRF token), good once, for some seconds. Pure.

A page of another site can open a socket with the browser's cookies, but cannot make the request that gives the ticket. Only its
digest is stored.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

SECONDS = 20.0
PROTOCOL = "xq-terminal"
CARRIER = "ticket."  # the ticket comes as a second subprotocol: addresses are logged, headers are not
TICKET = re.compile(r"[A-Za-z0-9_-]{43}")


def make() -> str:
    return secrets.token_urlsafe(32)


def digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


def offered(protocols: Iterable[str]) -> str:
    """The ticket among the subprotocols that a browser offers; empty when there is none."""
    words = list(protocols)
    if PROTOCOL not in words:
        return ""
    found = [word.removeprefix(CARRIER) for word in words if word.startswith(CARRIER)]
    return found[0] if len(found) == 1 and TICKET.fullmatch(found[0]) else ""


def from_here(origin: str, host: str, secure: bool, trusted: Iterable[str]) -> bool:
    """Whether a socket's Origin is our own page: the host that was asked, or one of the trusted origins.

    Browsers always send it; one without is no page. `secure`: whether the socket came over TLS.
    """
    if not origin or origin == "null":
        return False
    if origin in set(trusted):
        return True
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme != ("https" if secure else "http") or not parts.hostname:
        return False
    usual = 443 if secure else 80
    name, own = _split(host, usual)
    return bool(name) and (parts.hostname, port or usual) == (name, own)


def _split(host: str, usual: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{host.lower()}")
        return parts.hostname or "", parts.port or usual
    except ValueError:
        return "", usual
