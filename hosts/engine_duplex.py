"""A connection to an engine that bytes go both ways on, for what a request and its answer cannot do: a terminal.

`dial` makes one over each of the three ways. One thread may read while another writes; `close` from any thread wakes both.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Any, Protocol
from urllib.parse import urlsplit

import paramiko

from hosts.engine_address import ConnectionSpec
from hosts.engine_client import Engine
from hosts.engine_errors import from_exception
from hosts.engine_ssh import SshAdapter
from hosts.engine_transport import tls_context
from hosts.ssh import CONNECT_SECONDS, KEEPALIVE

PIECE = 64 << 10
BROKEN = (OSError, EOFError, ValueError, paramiko.SSHException)


class Duplex(Protocol):
    """What `dial` gives. All but `close` raise OSError, EOFError or paramiko.SSHException when the connection breaks."""

    def read(self) -> bytes:
        """What came, at least one byte; b"" when the other side has ended."""
        ...

    def write(self, data: bytes) -> None:
        """Returns when all is handed on; waits while the other side takes nothing."""
        ...

    def patience(self, seconds: float | None) -> None:
        """How long `read` and `write` wait (None: for ever)."""
        ...

    def close(self) -> None: ...


class Plain:
    """A Unix socket, or a channel of SSH: both may be read and written at the same time as they are."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def read(self) -> bytes:
        return bytes(self._sock.recv(PIECE))

    def write(self, data: bytes) -> None:
        self._sock.sendall(data)

    def patience(self, seconds: float | None) -> None:
        self._sock.settimeout(seconds)

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, EOFError):
            self._sock.close()


class Tls:
    """TLS over a socket. OpenSSL's objects are not for two threads at once, and one that waits for the other side would keep
    the writer out; so the socket is read and written here, and the object (in memory, never waiting) has a lock.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._sock = sock
        self._come, self._go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._come, self._go, server_hostname=name)
        self._lock, self._sending = threading.Lock(), threading.Lock()
        while not self._shaken():
            self._receive()

    def _shaken(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._flush()
        return True

    def _receive(self) -> None:
        data = self._sock.recv(PIECE)
        with self._lock:
            if data:
                self._come.write(data)
            else:
                self._come.write_eof()

    def _flush(self) -> None:
        with self._sending:
            with self._lock:
                data = self._go.read()
            if data:
                self._sock.sendall(data)

    def read(self) -> bytes:
        while True:
            with self._lock:
                try:
                    return self._tls.read(PIECE)
                except ssl.SSLWantReadError:
                    pass
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
                owed = self._go.pending
            if owed:  # a new key, asked for by the other side
                self._flush()
            self._receive()

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            with self._lock:
                self._tls.write(data[start : start + PIECE])
            self._flush()

    def patience(self, seconds: float | None) -> None:
        self._sock.settimeout(seconds)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()


def dial(engine: Engine) -> Duplex:
    """A new connection to the engine, by the way its other calls go. Raises EngineError."""
    try:
        made = _dialled(engine)
        made.patience(None)
        return made
    except BROKEN as error:
        raise from_exception(error, engine.where) from error


def _dialled(engine: Engine) -> Duplex:
    spec = engine.spec
    if spec.kind == "tcp":
        return _over_tls(spec)
    if spec.kind == "local":
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(CONNECT_SECONDS)
        sock.connect(spec.bare)
        return Plain(sock)
    adapter = engine.api._custom_adapter
    assert isinstance(adapter, SshAdapter)
    return Plain(adapter.dial())


def _over_tls(spec: ConnectionSpec) -> Duplex:
    parts = urlsplit(spec.full)
    name = parts.hostname or ""
    context = tls_context(spec)
    sock = socket.create_connection((name, parts.port or 2376), CONNECT_SECONDS)
    try:
        for option in [*KEEPALIVE, (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]:
            sock.setsockopt(*option)
        sock.settimeout(CONNECT_SECONDS * 2)
        return Tls(sock, context, name)
    except BaseException:
        sock.close()
        raise
