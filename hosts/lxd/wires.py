"""Websockets to LXD servers for code that has threads: an event loop in one thread of the process does their reading and writing.

Not websockets' own client for threads: it reads in one thread and writes in another on one TLS connection, which OpenSSL does not
allow. The session ticket of TLS 1.3 that arrives beside the first write is enough for both to wait for ever.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosedOK
from websockets.protocol import OPEN

Result = TypeVar("Result")
QUEUE = 64  # messages that are kept for a reader who pauses; then the server waits
_guard = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}  # process → its loop: a fork has none
os.register_at_fork(after_in_child=lambda: globals().update(_guard=threading.Lock()))


def _loop() -> asyncio.AbstractEventLoop:
    with _guard:
        found = _loops.get(os.getpid())
        if found is None:
            found = asyncio.new_event_loop()
            _loops.clear()
            _loops[os.getpid()] = found
            threading.Thread(target=found.run_forever, name="lxd-wires", daemon=True).start()
        return found


class Silent(ClientConnection):
    """A websocket that answers no pings, for what a command says.

    The server pings at the beginning, and closes when all is said, without having read an answer: such an answer has the kernel
    throw away what this side has not read yet, the last words of a short command.
    """

    def send_data(self) -> None:
        if self.protocol.state is OPEN:
            self.protocol.data_to_send()  # taken, and dropped
        else:
            super().send_data()


class Wire:
    """One websocket, for any thread; one reads at a time. Raises websockets' exceptions, OSError, EOFError."""

    def __init__(self, socket: ClientConnection, loop: asyncio.AbstractEventLoop) -> None:
        self._socket, self._loop = socket, loop

    def _result(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def recv(self) -> str | bytes:
        """The next message. Raises ConnectionClosed at the end."""
        return self._result(self._socket.recv())

    def __iter__(self) -> Iterator[str | bytes]:
        """Messages until the server says that it closes. Raises ConnectionClosedError where the connection breaks."""
        with suppress(ConnectionClosedOK):
            while True:
                yield self.recv()

    def send(self, message: str | bytes) -> None:
        self._result(self._socket.send(message))

    def close(self) -> None:
        """At once: whoever waits in `recv` or `send` wakes up. The server needs no farewell. Safe to repeat."""
        self._loop.call_soon_threadsafe(self._socket.transport.abort)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def dial(
    url: str,
    *,
    path: str = "",
    tls: ssl.SSLContext | None = None,
    timeout: float,
    pings: float | None,
    silent: bool = False,
) -> Wire:
    """Opens one. `path`: of the Unix socket that it goes through; `timeout`, `pings`: seconds. Raises what `Wire` does."""

    async def opened() -> ClientConnection:
        options: dict[str, Any] = {
            "compression": None, "open_timeout": timeout, "close_timeout": 1, "ping_interval": pings, "max_size": None,
            "max_queue": QUEUE, "create_connection": Silent if silent else ClientConnection,
        }  # fmt: skip
        if path:
            return await unix_connect(path, url, **options)
        return await connect(url, ssl=tls, proxy=None, **options)

    loop = _loop()
    return Wire(asyncio.run_coroutine_threadsafe(opened(), loop).result(), loop)
