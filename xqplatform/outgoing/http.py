"""One HTTP call of a hook: to one resolved address, no redirects, a bounded time and size. The edge."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from xqplatform.outgoing import networks

CONNECT = 5.0
CUT_AFTER = 0.1  # seconds after its time in which a call is broken off from outside: by then it knows why
LONGEST = 256 * 1024  # bytes read of an answer


@dataclass(frozen=True)
class Answer:
    """`code` 0: there was none, `words` say why."""

    code: int
    text: str = ""
    truncated: bool = False
    words: str = ""
    again: bool = True  # a further try may help


def call(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
    *,
    segments: Sequence[networks.Network] = (),
    public: bool = False,
) -> Answer:
    """The answer, or why there is none. Never raises for what the other side does.

    `segments`: where it may go beside the networks that `XQ_HOOK_NETWORKS` names; `public`: to public addresses, too.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    until = time.monotonic() + seconds
    try:
        ip = networks.resolve(host, port, segments, public=public)
    except networks.NotAllowed as error:
        return Answer(0, words=str(error), again=False)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _Connection(host, port, ip, tls=parts.scheme == "https", until=until)
    alarm = threading.Timer(max(0.0, until - time.monotonic()) + CUT_AFTER, connection.cut)
    alarm.daemon = True
    alarm.start()
    try:
        connection.request(method, path, body=None if method == "GET" else body, headers=dict(headers))
        answer = connection.getresponse()
        text, truncated = _read(answer, connection, until)
    except TimeoutError:
        return Answer(0, words=_("It did not answer within %(n)g s.") % {"n": seconds})
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= until:
            return Answer(0, words=_("It did not answer within %(n)g s.") % {"n": seconds})
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Answer(0, words=_("There was no answer: %(why)s") % {"why": words})
    finally:
        alarm.cancel()
        connection.close()
    return _judged(answer.status, answer.reason, text, truncated=truncated)


def _judged(status: int, reason: str, text: str, *, truncated: bool) -> Answer:
    if 200 <= status < 300:
        return Answer(status, text, truncated)
    if 300 <= status < 400:
        words = _("It redirects (%(status)s), and hooks follow no redirects: give the address itself.")
        return Answer(status, text, truncated, words % {"status": status}, again=False)
    words = _("It answered %(status)s %(reason)s.") % {"status": status, "reason": reason[:100]}
    return Answer(status, text, truncated, words)


class _Connection(http.client.HTTPConnection):
    """To an address that was judged; the name is only said (and, with TLS, proved). Its time is that of the whole call."""

    def __init__(self, host: str, port: int, ip: str, *, tls: bool, until: float) -> None:
        super().__init__(host, port)
        self._ip, self._tls, self._until = ip, tls, until

    def connect(self) -> None:
        left = max(0.01, self._until - time.monotonic())
        self.sock = socket.create_connection((self._ip, self.port), min(CONNECT, left))
        if self._tls:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
        self.patient()

    def cut(self) -> None:
        """From another thread, when its time is over: a head that drips is read line by line, and each byte is in time."""
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def patient(self) -> None:
        """The next read may take what is left of the time. Raises TimeoutError when nothing is."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self.sock is not None:
            self.sock.settimeout(left)


def _read(answer: http.client.HTTPResponse, connection: _Connection, until: float) -> tuple[str, bool]:
    """What it says, its first part; a server that drips is left when the time is over."""
    found: list[bytes] = []
    size = 0
    while size <= LONGEST:
        connection.patient()
        piece = answer.read1(65_536)
        if time.monotonic() >= until:
            raise TimeoutError
        if not piece:
            return b"".join(found).decode("utf-8", "replace"), False
        found.append(piece)
        size += len(piece)
    return b"".join(found)[:LONGEST].decode("utf-8", "replace"), True
