"""One answer of an application over plain HTTP/1.1: a bounded time, a bounded size, no redirects, no address but the one given."""

from __future__ import annotations

import asyncio
import contextlib

from django.utils.translation import gettext as _

SECONDS = 4.0  # for all of it
LONGEST = 1 << 20  # bytes of an answer
HEAD = 32 << 10


class NoAnswer(Exception):
    """Why there is none, in words."""


async def get(ip: str, port: int, path: str, *, seconds: float = SECONDS, longest: int = LONGEST) -> str:
    """The text at http://IP:PORT/PATH. Raises NoAnswer."""
    try:
        async with asyncio.timeout(seconds):
            return await _get(ip, port, path, longest)
    except TimeoutError:
        raise NoAnswer(_("It did not answer within %(n)g seconds.") % {"n": seconds}) from None
    except ConnectionRefusedError:
        raise NoAnswer(_("Nothing listens on port %(port)d.") % {"port": port}) from None
    except asyncio.IncompleteReadError:
        raise NoAnswer(_("The answer broke off.")) from None
    except (asyncio.LimitOverrunError, ValueError):
        raise NoAnswer(_("The answer is not HTTP.")) from None
    except OSError as error:
        raise NoAnswer(_("It cannot be reached: %(why)s") % {"why": error.strerror or error}) from None


async def _get(ip: str, port: int, path: str, longest: int) -> str:
    reader, writer = await asyncio.open_connection(ip, port, limit=HEAD)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {ip}:{port}\r\nUser-Agent: xqplatform\r\n"
            "Accept: text/plain;version=0.0.4\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        words = head[0].split(None, 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise ValueError(head[0])
        if words[1] != "200":
            raise NoAnswer(_("It answered with the status %(status)s.") % {"status": words[1]})
        headers = {name.strip().lower(): value.strip() for name, _c, value in (h.partition(":") for h in head[1:])}
        body = await _body(reader, headers, longest)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            writer.transport.abort()
    return body.decode("utf-8", "replace")


async def _body(reader: asyncio.StreamReader, headers: dict[str, str], longest: int) -> bytes:
    if headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer(_("The answer is compressed, which was not asked for."))
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader, longest)
    length = headers.get("content-length")
    if length is not None:
        if int(length) > longest:
            raise _too_long(longest)
        return await reader.readexactly(int(length))
    return await _until_end(reader, longest)


async def _chunks(reader: asyncio.StreamReader, longest: int) -> bytes:
    found: list[bytes] = []
    size = 0
    while True:
        line = await reader.readuntil(b"\r\n")
        length = int(line.split(b";")[0].strip(), 16)
        size += length
        if size > longest:
            raise _too_long(longest)
        if length <= 0:
            return b"".join(found)
        found.append(await reader.readexactly(length))
        await reader.readexactly(2)


async def _until_end(reader: asyncio.StreamReader, longest: int) -> bytes:
    found: list[bytes] = []
    size = 0
    while piece := await reader.read(1 << 16):
        size += len(piece)
        if size > longest:
            raise _too_long(longest)
        found.append(piece)
    return b"".join(found)


def _too_long(longest: int) -> NoAnswer:
    return NoAnswer(_("The answer is longer than %(n)d KiB.") % {"n": longest >> 10})
