"""A log as a file: all that engines have and what was kept, by time, sent while it is read."""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import Any

from asgiref.sync import sync_to_async

from containers.keeping_logs import lines_of
from containers.logs import reader
from containers.logs.filters import Filter
from containers.logs.levels import UNKNOWN, continues, level_of
from containers.logs.seats import seat
from containers.logs.sources import Source, Vessel, kept_of, vessels_of
from containers.logs.text import engine_time, normal, plain
from hosts.engine import EngineError, LogLine

PIECE = 64 << 10  # characters sent at a time


def text_of(sources: list[Source], wanted: Filter, since: str = "", until: str = "") -> Iterator[str]:
    """Lines «time #number text» of a range of normal stamps (empty: without an end), whole ones, without control signs.

    Rows are read now, engines while the lines are taken.
    """
    parts: list[Iterator[tuple[str, str]]] = []
    for one in sources:
        parts += [_lines(one, lines_of(row), wanted) for row in kept_of(one.instance)]
        parts += [_lines(one, _read(vessel, since, until), wanted) for vessel in vessels_of(one.instance)]
    return _merged(parts, since, until)


def _merged(parts: list[Iterator[tuple[str, str]]], since: str, until: str) -> Iterator[str]:
    for stamp, text in heapq.merge(*parts, key=lambda pair: pair[0]):
        if (not since or stamp >= since) and (not until or stamp <= until):
            yield text


def _lines(one: Source, lines: Iterable[LogLine], wanted: Filter) -> Iterator[tuple[str, str]]:
    last, level = "", UNKNOWN
    for line in lines:
        last = max(last, normal(line.timestamp))
        text = plain(line.text)
        level = level if (found := level_of(text)) == UNKNOWN and continues(text) else found
        if wanted.takes(text, level):
            yield last, f"{last} #{one.number} {text}\n"


def _read(vessel: Vessel, since: str, until: str) -> Iterator[LogLine]:
    """All that the engine has of it; what it could not say is the last line."""
    limits = (engine_time(since) if since else None, False, engine_time(until) if until else None)
    try:
        stream: Any = reader.open_log(vessel, None, *limits)
        try:
            yield from stream
        finally:
            stream.stop()
            stream.close()
    except EngineError as error:
        if error.kind != "not_found":
            yield LogLine("stderr", "", f"--- {error.words or error.message}")


async def in_pieces(texts: Iterable[str], person: int, readers: int) -> AsyncIterator[str]:
    """The texts joined to pieces of some size; each is fetched in a thread, so that nobody waits and nothing piles up.

    A seat is taken as long as it lasts.
    """
    with seat(person, readers, "download") as full:
        if full:
            yield f"--- {full}\n"
            return
        async with aclosing(_pieces(iter(texts))) as pieces:
            async for text in pieces:
                yield text


async def _pieces(iterator: Iterator[str]) -> AsyncGenerator[str]:
    def piece() -> str:
        found, size = [], 0
        for text in iterator:
            found.append(text)
            size += len(text)
            if size >= PIECE:
                break
        return "".join(found)

    try:
        while text := await sync_to_async(piece, thread_sensitive=False)():
            yield text
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            await sync_to_async(close, thread_sensitive=False)()
