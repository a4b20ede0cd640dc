"""One open terminal's windows and queues, against an engine that is made up: no database, no sockets."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from containers.models import Terminal
from containers.terminal import session as session_module
from containers.terminal.session import MOST_TYPED, RING, WINDOW, Session, TooMuch
from hosts.engine import EngineError
from xqplatform.secrets.masking import HIDDEN, Masker


class Wire:
    """Says what is put into it; types into `typed` while `takes` is set."""

    def __init__(self) -> None:
        self.says: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        self.typed = bytearray()
        self.takes = threading.Event()
        self.takes.set()
        self.closed = False

    def read(self) -> bytes:
        said = self.says.get()
        if isinstance(said, Exception):
            raise said
        return said

    def write(self, data: bytes) -> None:
        self.takes.wait(20)
        self.typed += data

    def close(self) -> None:
        self.closed = True
        self.says.put(b"")
        self.takes.set()


class Page:
    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.left: int | None = None

    def news(self) -> None: ...

    def tell(self, **message: Any) -> None:
        self.messages.append(message)

    def leave(self, code: int) -> None:
        self.left = code


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def played(scene: Callable[[Session, Wire, Page], Awaitable[None]]) -> None:
    async def play() -> None:
        wire, page = Wire(), Page()
        session = Session(Terminal(pk=1), wire, asyncio.get_running_loop(), "", lambda: None)  # type: ignore[arg-type]
        session.start()
        session.attach(page, 0)
        try:
            await scene(session, wire, page)
        finally:
            session.shut()

    asyncio.run(play())


def test_the_shell_is_ahead_of_the_page_by_a_window_at_most() -> None:
    async def scene(session: Session, wire: Wire, page: Page) -> None:
        for _ in range(100):
            wire.says.put(b"x" * 8192)
        await until(lambda: session.ring.end >= WINDOW)
        await asyncio.sleep(0.05)  # it would go on here
        assert session.ring.end < WINDOW + 8192
        session.acknowledge(8192)
        await until(lambda: session.ring.end >= WINDOW + 8192)
        session.acknowledge(10**9)  # never said: nothing
        session.acknowledge(-1)
        assert session.ring.end < WINDOW + 2 * 8192
        session.detach(page)
        assert session.ring.end - session.ring.start <= 2 * RING + 8192

    played(scene)


def test_an_interrupt_overtakes_what_waits_to_be_typed() -> None:
    async def scene(session: Session, wire: Wire, page: Page) -> None:
        wire.takes.clear()
        for _ in range(8):
            session.typed(b"p" * 16384)
        session.typed(b"\x03")
        wire.takes.set()
        await until(lambda: b"\x03" in wire.typed)
        assert wire.typed.count(b"p") <= 16384, "the rest was thrown away"
        await until(lambda: [m for m in page.messages if m["t"] == "took" and m["n"] >= 8 * 16384])

    played(scene)


def test_more_than_is_allowed_is_not_queued() -> None:
    async def scene(session: Session, wire: Wire, page: Page) -> None:
        wire.takes.clear()
        with pytest.raises(TooMuch):
            for _ in range(MOST_TYPED // 1000 + 20):
                session.typed(b"p" * 1000)

    played(scene)


def test_the_first_reason_of_its_end_counts() -> None:
    async def scene(session: Session, wire: Wire, page: Page) -> None:
        wire.says.put(EngineError("unreachable", "cut", "The cable is out."))
        await until(lambda: session.ended)
        session.end(Terminal.Why.IDLE)
        assert session.ended == (Terminal.Why.ENGINE, "The cable is out.")
        assert wire.closed

    played(scene)


def test_a_second_window_takes_it_over_and_who_left_starts_the_clock() -> None:
    async def scene(session: Session, wire: Wire, page: Page) -> None:
        wire.says.put(b"hello")
        await until(lambda: session.ring.end == 5)
        other = Page()
        assert session.attach(other, 5) == (5, False)
        assert page.left == 4409
        session.detach(page)  # the first one's socket closes later
        assert session.page is other
        assert session.clocks.away_since is None
        session.detach(other)
        assert session.clocks.away_since is not None

    played(scene)


def test_the_log_in_that_counts_is_that_of_the_window_that_has_it() -> None:
    async def scene(session: Session, wire: Wire, page: Page) -> None:
        session.attach(Page(), 0, "the second browser's")
        assert session.session_key == "the second browser's"

    played(scene)


SECRET = b"zebra-canary"


def test_a_value_in_pieces_is_neither_seen_nor_recorded_and_what_is_none_waits_for_moments_only() -> None:
    async def scene(session: Session, wire: Wire, page: Page) -> None:
        session.hide = Masker([SECRET.decode()])
        for piece in (b"DB=", SECRET[:5], SECRET[5:], b"\r\nzebras and ze"):
            wire.says.put(piece)
        told = f"DB={HIDDEN}\r\nzebras and ".encode()
        await until(lambda: session.since(0, 999) == told + b"ze")
        wire.says.put(SECRET[2:] + b"\r\n$ ze")
        told += f"ze{HIDDEN}\r\n$ ".encode()
        await until(lambda: session.since(0, 999).startswith(told))
        session.note_end("ended")
        text = session.take_lines()
        assert SECRET.decode() not in text
        kept = "".join(data for _at, kind, data in map(json.loads, text.splitlines()) if kind == "o")
        assert kept == f"DB={HIDDEN}\r\nzebras and {HIDDEN}\r\n$ ze"

    played(scene)


def test_an_echo_is_there_at_once_also_where_a_value_begins_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "HOLD", 1000.0)

    async def scene(session: Session, wire: Wire, page: Page) -> None:
        session.hide = Masker([SECRET.decode()])
        session.typed(b"z")
        wire.says.put(b"z")
        await until(lambda: session.since(0, 999) == b"z")
        wire.says.put(b" z")  # nobody typed this one
        await until(lambda: session.since(0, 999) == b"z ")

    played(scene)


def test_the_last_words_of_a_shell_wait_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "HOLD", 1000.0)

    async def scene(session: Session, wire: Wire, page: Page) -> None:
        session.hide = Masker([SECRET.decode()])
        wire.says.put(b"logout ze")
        wire.says.put(b"")
        await until(lambda: session.ended)
        assert session.since(0, 999) == b"logout ze"

    played(scene)
