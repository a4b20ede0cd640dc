"""What a thread reads of something that blocks comes to the loop, and so does whatever goes wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hosts.collector.stream import _next, _threaded
from hosts.engine_errors import EngineError


class Opened:
    """Gives two pieces, then ends in a way that nobody foresaw."""

    stopped = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"one"
        yield b"two"
        raise ValueError("unforeseen")

    def stop(self) -> None:
        self.stopped = True


async def read(opened: Opened, found: list[bytes]) -> None:
    async for piece in _threaded(opened, "a test"):
        found.append(piece)


def test_whatever_ends_the_reading_is_said_at_once() -> None:
    opened, found = Opened(), list[bytes]()
    with pytest.raises(ValueError, match="unforeseen"):
        asyncio.run(asyncio.wait_for(read(opened, found), 20))
    assert found == [b"one", b"two"]
    assert opened.stopped


def test_silence_names_who_is_silent() -> None:
    async def wait() -> None:
        async def silent():  # type: ignore[no-untyped-def]
            await asyncio.sleep(20)
            yield b""

        await _next(silent(), 0.01, "h1")

    with pytest.raises(EngineError) as caught:
        asyncio.run(wait())
    assert caught.value.kind == "timeout"
    assert "h1" in caught.value.words
