"""A real HTTP load from this process: several clients at once, and every request that was not answered well, told.

A keep-alive client does what every browser and HTTP library does, and what HTTP asks of it: a connection that the server closed
while it was idle is made anew, once, if not one byte of an answer had come (counted as `stale`; nginx before 1.27.4 closes idle
connections at each reload). A POST is never sent a second time by anybody.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATIENCE = 20.0  # seconds for one answer
THINK = 0.02  # seconds between two requests of a client


class Stale(Exception):
    """A kept connection had been closed, and nothing of an answer had come."""


@dataclass
class Load:
    """What was sent and what came of it. `posted`: the number of each POST that was answered well."""

    host: str
    port: int
    sent: Counter[str] = field(default_factory=Counter)
    stale: int = 0
    failed: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    slowest: float = 0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def total(self) -> int:
        return sum(self.sent.values())

    # --- Clients ---------------------------------------------------------------------------------------------------

    async def get(self, path: str) -> None:
        """One client that keeps its connection."""
        kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self.ended.is_set():
            began = time.monotonic()
            self.sent[f"GET {path}"] += 1
            try:
                try:
                    kept = await self._ask(kept, "GET", path, "")
                except Stale:
                    self.stale += 1
                    kept = await self._ask(None, "GET", path, "")
            except Exception as error:
                kept = None
                self.failed.append(f"GET {path}: {type(error).__name__}: {error}")
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(THINK)
        if kept is not None:
            kept[1].close()

    async def post(self, client: int, path: str) -> None:
        """One client whose every POST has a number of its own and a connection of its own."""
        number = 0
        while not self.ended.is_set():
            number += 1
            name = f"{client}-{number}"
            self.sent[f"POST {path}"] += 1
            try:
                kept = await self._ask(None, "POST", path, name)
                kept[1].close()
                self.posted.append(name)
            except Exception as error:
                self.failed.append(f"POST {path} {name}: {type(error).__name__}: {error}")
            await asyncio.sleep(THINK)

    async def _ask(
        self,
        kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None,
        method: str,
        path: str,
        body: str,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(PATIENCE):
            reader, writer = kept or await asyncio.open_connection(self.host, self.port)
            head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            try:
                writer.write(head.encode())
                await writer.drain()
                first = await reader.readline()
            except ConnectionError:
                if kept is None:
                    raise
                raise Stale from None
            if not first:
                writer.close()
                if kept is None:
                    raise ConnectionError("closed without an answer")
                raise Stale
            closes = await _rest(reader, first, body)
            if closes:
                writer.close()
                return await asyncio.open_connection(self.host, self.port)
            return reader, writer

    async def _run(self, gets: dict[str, int], posts: dict[str, int]) -> None:
        clients = [self.get(path) for path, count in gets.items() for _n in range(count)]
        numbers = iter(range(10_000))
        clients += [self.post(next(numbers), path) for path, count in posts.items() for _n in range(count)]
        await asyncio.gather(*clients)


async def _rest(reader: asyncio.StreamReader, first: bytes, body: str) -> bool:
    """Reads an answer to its end; whether the server closes the connection. Raises ValueError for any but a good one."""
    status = first.split()[1].decode()
    headers = {}
    while (line := await reader.readline()) not in {b"\r\n", b""}:
        name, _colon, value = line.decode().partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "") == "chunked":
        text = b""
        while size := int((await reader.readline()).strip() or b"0", 16):
            text += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        text = await reader.readexactly(int(headers.get("content-length", "0")))
    if status != "200":
        raise ValueError(f"{status} {text[:80]!r}")
    if body and body not in text.decode():
        raise ValueError(f"the answer is of another request: {text[:80]!r}")
    return headers.get("connection", "") == "close"


@contextmanager
def load(host: str, port: int, gets: dict[str, int], posts: dict[str, int]) -> Iterator[Load]:
    """So many clients a path, until the block is left."""
    made = Load(host, port)
    thread = threading.Thread(target=lambda: asyncio.run(made._run(gets, posts)), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.ended.set()
        thread.join(PATIENCE + 5)
