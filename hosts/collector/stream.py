"""Following a collector's log in an event loop: the edge to the engine, for a thousand hosts in one thread.

Unix sockets and TLS are the loop's own; a channel of SSH is read by a thread that hands over what comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from hosts import engine as edge
from hosts.collector.wire import BadAnswer, LogAnswer
from hosts.engine_errors import EngineError, from_exception, from_response
from hosts.engine_transport import ConnectionSpec, tls_context
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
                try:
                    async with asyncio.timeout(silence if answer.status else ANSWER_SECONDS):
                        data = await anext(pieces, b"")
                except TimeoutError as error:
                    words = _("The collector of %(where)s has said nothing for %(seconds)d s.")
                    raise EngineError(
                        "timeout", "silence", words % {"where": spec.where, "seconds": silence}
                    ) from error
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
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[bytes | EngineError | None](64)
    ended = threading.Event()
    engine = edge.connect(host)
    opened = await asyncio.to_thread(engine.follow_raw, path)

    def put(item: bytes | EngineError | None) -> None:
        if not ended.is_set() and not loop.is_closed():
            asyncio.run_coroutine_threadsafe(queue.put(item), loop).result(60)

    def read() -> None:
        try:
            put(b"HTTP/1.1 200 OK\r\n\r\n")
            for piece in opened:
                put(piece)
            put(None)
        except EngineError as error:
            put(error)
        except Exception:  # the loop is gone, and so is who listened
            ended.set()

    threading.Thread(target=read, name=f"collector of {host.name}", daemon=True).start()
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, EngineError):
                raise item
            yield item
    finally:
        ended.set()
        opened.stop()
