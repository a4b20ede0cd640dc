"""Following a collector's log in an event loop: the edge to the engine, for a thousand hosts in one thread.

Unix sockets and TLS are the loop's own; a channel of SSH is read by a thread that hands over what comes: of an engine that is
reached over SSH, or of a collector that is a process there (`process.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import CancelledError
from typing import Protocol
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from hosts import engine as edge
from hosts.collector.process import Process
from hosts.collector.wire import MOST_LINE, BadAnswer, LogAnswer
from hosts.engine_address import ConnectionSpec
from hosts.engine_errors import EngineError, from_exception, from_response
from hosts.engine_transport import tls_context
from hosts.models import Host
from hosts.ssh import CONNECT_SECONDS, KEEPALIVE

PIECE = 256 << 10
ANSWER_SECONDS = 30.0


async def follow(
    host: Host, container: str, tail: int | None, silence: float, gate: asyncio.Semaphore
) -> AsyncGenerator[list[str], None]:
    """Lines of the log as they come, in pieces: the last `tail` (None: all), then new ones. Ends when the container does.

    `gate`: how many may open a connection at the same time. Raises EngineError, kind `timeout` after `silence` seconds without a word.
    """
    spec = edge.spec_of(host)
    path = f"/containers/{container}/logs?stdout=1&stderr=0&follow=1&tail={'all' if tail is None else tail}"
    pieces = _over_ssh(host, path) if spec.kind == "ssh" else _over_socket(spec, path)
    answer = LogAnswer()
    await gate.acquire()
    opening = True
    try:
        async with contextlib.aclosing(pieces):
            while not answer.ended:
                data = await _next(pieces, silence if answer.status else ANSWER_SECONDS, spec.where)
                if opening:
                    opening = False
                    gate.release()
                if not data:
                    break
                lines = answer.feed(data)
                if lines:
                    yield lines
    except BadAnswer as error:
        words = _("What answers at %(where)s is not a Docker Engine.") % {"where": spec.where}
        raise EngineError("not_docker", str(error), words) from error
    except (OSError, EOFError, ValueError) as error:
        raise from_exception(error, spec.where) from error
    finally:
        if opening:
            gate.release()
    if answer.status != 200:
        if not answer.status:
            raise from_exception(EOFError("closed without an answer"), spec.where)
        raise from_response(answer.status, answer.message, spec.where)


async def _next(pieces: AsyncGenerator[bytes, None], seconds: float, where: str) -> bytes:
    """The next piece; b"" at the end. Raises EngineError, kind `timeout`, after so many seconds without one."""
    try:
        async with asyncio.timeout(seconds):
            return await anext(pieces, b"")
    except TimeoutError as error:
        words = _("The collector of %(where)s has said nothing for %(seconds)d s.")
        raise EngineError("timeout", "silence", words % {"where": where, "seconds": seconds}) from error


async def _over_socket(spec: ConnectionSpec, path: str) -> AsyncGenerator[bytes, None]:
    async with asyncio.timeout(CONNECT_SECONDS * 2):
        reader, writer = await _open(spec)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: xqplatform\r\n\r\n".encode())
        while data := await reader.read(PIECE):
            yield data
    finally:
        # Not closed with the manners of TLS: whoever is gone would be waited for.
        writer.transport.abort()


async def _open(spec: ConnectionSpec) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if spec.kind == "local":
        return await asyncio.open_unix_connection(spec.bare, limit=PIECE)
    parts = urlsplit(spec.full)
    context: ssl.SSLContext = await asyncio.to_thread(tls_context, spec)
    name = parts.hostname or ""
    reader, writer = await asyncio.open_connection(name, parts.port, ssl=context, server_hostname=name, limit=PIECE)
    raw = writer.get_extra_info("socket")
    if raw is not None:
        for option in KEEPALIVE:
            raw.setsockopt(*option)
    return reader, writer


async def _over_ssh(host: Host, path: str) -> AsyncGenerator[bytes, None]:
    """By the connection that the host's other calls use; the engine's answer is put together again as it came."""
    engine = edge.docker_of(edge.connect(host))
    opened = await asyncio.to_thread(engine.follow_raw, path)
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    pieces = _threaded(opened, f"collector of {host.name}")
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            yield piece


async def run(host: Host, silence: float, gate: asyncio.Semaphore) -> AsyncGenerator[list[str], None]:
    """Lines of a collector that is a process of the host, from its first tick on. Raises ShellError, and EngineError as `follow` does."""
    async with gate:
        process = await asyncio.to_thread(Process, host)
    pieces, rest = _threaded(process, f"collector of {host.name}"), b""
    async with contextlib.aclosing(pieces):
        while True:
            data = await _next(pieces, silence, str(host))
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            rest = rest[-MOST_LINE:]
            if lines:
                yield [line.decode("ascii", "replace") for line in lines]


class _Opened(Protocol):
    def __iter__(self) -> Iterator[bytes]: ...

    def stop(self) -> None: ...


async def _threaded(opened: _Opened, name: str) -> AsyncGenerator[bytes, None]:
    """What comes from something that blocks, read by a thread of its own."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[bytes | Exception | None](64)
    ended = threading.Event()

    def put(item: bytes | Exception | None) -> None:
        if not ended.is_set() and not loop.is_closed():
            asyncio.run_coroutine_threadsafe(queue.put(item), loop).result(60)

    def read() -> None:
        try:
            for piece in opened:
                put(piece)
            put(None)
        except Exception as error:  # whoever listens raises it
            with contextlib.suppress(RuntimeError, TimeoutError, CancelledError):  # the loop has gone, and who listened
                put(error)

    threading.Thread(target=read, name=name, daemon=True).start()
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        ended.set()
        opened.stop()
