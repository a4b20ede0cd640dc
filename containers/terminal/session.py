"""One open terminal of this process: the engine's end of it. Outlives the browser's socket for a while.

Two threads: one reads what the shell says, one types. Nobody is ahead of the page by more than WINDOW bytes: the page tells what it has
drawn, and until then the reader waits, so the engine does, and the shell. What is typed waits in a queue with a limit.

Values of secrets are neither seen nor recorded. What may be the beginning of one waits for what follows, for HOLD seconds at most.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from containers.models import Terminal
from containers.terminal.cast import Recorder
from containers.terminal.limits import Clocks
from containers.terminal.ring import Ring
from hosts.engine import EngineError
from hosts.exec_types import Wire
from xqplatform.secrets.masking import NOTHING, Masker
from xqplatform.secrets.masking_live import Live, Said

log = logging.getLogger(__name__)
WINDOW = 128 << 10  # bytes that are on their way to a page
RING = 256 << 10  # bytes that a page can catch up with
MOST_TYPED = 256 << 10  # bytes that wait to be typed; a page sends the next ones only when these are taken
TELL_TAKEN = 16 << 10
HOLD = 0.05
INTERRUPTS = {b"\x03", b"\x1c"}
Why = Terminal.Why


class TooMuch(Exception):
    """The page sent more than it may."""


class Page(Protocol):
    """The browser's end, in the event loop."""

    def news(self) -> None: ...
    def tell(self, **message: Any) -> None: ...
    def leave(self, code: int) -> None: ...


class Session:
    def __init__(
        self,
        row: Terminal,
        wire: Wire,
        loop: asyncio.AbstractEventLoop,
        session_key: str,
        on_end: Callable[[], None],
        *,
        hide: Masker = NOTHING,
    ) -> None:
        self.pk, self.engine_id, self.session_key = row.pk, row.engine_id, session_key
        self.wire, self._loop, self._on_end = wire, loop, on_end
        self.begun = time.monotonic()
        self.hide = hide  # the keeper keeps it up to date
        self._hiding = Live(lambda: self.hide)
        self.recorder = Recorder(row.with_input, lambda: self.hide)
        self.ring = Ring(RING)
        self.acked = 0
        self.bytes_in = 0
        self.page: Page | None = None
        self.clocks = Clocks(self.begun, self.begun, self.begun)
        self.ended: tuple[Why, str] | None = None  # set once, in the loop
        # The keeper's: lines that are not stored yet, and what is.
        self.unsaved, self.pieces, self.recorded = "", 0, 0
        self._room = threading.Condition()
        self._typing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0  # bytes in that queue
        self._taken = self._told = 0
        self._shut = False
        self._idle_since: float | None = None  # the reader has waited for the engine since then
        self._holding: asyncio.TimerHandle | None = None

    @property
    def at(self) -> float:
        """Seconds since its beginning."""
        return time.monotonic() - self.begun

    def start(self) -> None:
        for work, name in ((self._read, "reads"), (self._write, "types")):
            threading.Thread(target=work, name=f"terminal-{self.pk}-{name}", daemon=True).start()

    # --- In the event loop ---------------------------------------------------------------------------------------------

    def attach(self, page: Page, place: int, session_key: str = "") -> tuple[int, bool]:
        """The page takes it up (another one that had it leaves): where its bytes begin, and whether it clears its screen.

        `session_key`: of the page's log-in, which counts from now on: signing out there ends the terminal.
        """
        if self.page is not None:
            self.page.leave(4409)
        self.session_key = session_key or self.session_key
        with self._room:
            begin, clear = self.ring.resumes(place)
            self.acked = begin
            self._room.notify()
        self.page = page
        self._taken = self._told = 0
        self.clocks = Clocks(self.clocks.opened, self.clocks.typed)
        return begin, clear

    def detach(self, page: Page) -> None:
        """Its socket is gone; it may come back."""
        if self.page is page:
            self.page = None
            self.clocks = Clocks(self.clocks.opened, self.clocks.typed, time.monotonic())

    def since(self, place: int, most: int) -> bytes:
        with self._room:
            return self.ring.since(place, most)

    def acknowledge(self, place: int) -> None:
        """The page has drawn everything before the place."""
        with self._room:
            if self.acked < place <= self.ring.end:
                self.acked = place
                self._room.notify()

    def typed(self, data: bytes) -> None:
        """Types it. An interrupt throws away what waits to be typed, as a terminal does. Raises TooMuch."""
        self.clocks = Clocks(self.clocks.opened, time.monotonic(), self.clocks.away_since)
        if data in INTERRUPTS:
            self._forget_typed()
        with self._room:
            if self._waiting + len(data) > MOST_TYPED:
                raise TooMuch
            self._waiting += len(data)
            self.bytes_in += len(data)
            self._hiding.typed(data)
            self.recorder.typed(self.at, data)
        self._typing.put(data)

    def resized(self, columns: int, rows: int) -> None:
        with self._room:
            self.recorder.resized(self.at, columns, rows)

    def take_lines(self) -> str:
        """What of the recording is to be stored now."""
        with self._room:
            return self.recorder.take(self.at)

    def note_end(self, words: str) -> None:
        """The last lines of the recording."""
        with self._room:
            self._say(self._hiding.feed(b"", last=True))
            self.recorder.mark(self.at, words)

    def end(self, why: Why, words: str = "") -> None:
        """Begins its end; the keeper does the rest. The first reason counts."""
        if self.ended is None:
            self.ended = (why, words)
            self.shut()
            self._on_end()

    def shut(self) -> None:
        """Lets go of the engine; from any thread."""
        with self._room:
            self._shut = True
            self._room.notify()
        self._typing.put(None)
        self.wire.close()

    def _forget_typed(self) -> None:
        gone = 0
        while True:
            try:
                gone += len(self._typing.get_nowait() or b"")
            except queue.Empty:
                break
        self._took(gone)

    def _took(self, size: int) -> None:
        with self._room:
            self._waiting -= size
            self._taken += size
            tell = self._taken - self._told >= TELL_TAKEN or (self._waiting == 0 and self._taken - self._told > 512)
            if tell:
                self._told = self._taken
        if tell and self.page is not None:
            self.page.tell(t="took", n=self._told)

    def _hold(self) -> None:
        """Something waits for what the engine says next."""
        if self._holding is None:
            self._holding = self._loop.call_later(HOLD, self._held)

    def _held(self) -> None:
        self._holding = None
        with self._room:
            since = self._idle_since
            if self._shut or since is None or not self._hiding.waits:
                return  # the reader is at work, and holds again
            left = since + HOLD - time.monotonic()
            if left > 0:
                self._holding = self._loop.call_later(left, self._held)
                return
            self.ring.add(self._hiding.early())
        self._news()

    def _news(self) -> None:
        if self.page is not None:
            self.page.news()

    # --- In its threads ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        why, words = Why.EXIT, ""
        try:
            while data := self._heard():
                with self._room:
                    self._say(self._hiding.feed(data))
                self._in_loop(self._news)
                with self._room:
                    self._room.wait_for(lambda: self._shut or self.ring.end - self.acked < WINDOW)
                    if self._shut:
                        return
        except EngineError as error:
            why, words = Why.ENGINE, error.words
        except Exception as error:  # a connection that is shut while it is read may fail in any way
            if not self._shut:
                log.exception("Terminal %d: reading broke off", self.pk)
            why, words = Why.ENGINE, str(error)
        with self._room:
            self._say(self._hiding.feed(b"", last=True))
        self._in_loop(self._news)
        self._in_loop(self.end, why, words)

    def _heard(self) -> bytes:
        """What the engine says next."""
        with self._room:
            self._idle_since = time.monotonic()
            holds = self._hiding.waits
        if holds:
            self._in_loop(self._hold)
        try:
            return self.wire.read()
        finally:
            with self._room:
                self._idle_since = None

    def _say(self, said: Said) -> None:
        """Under the lock."""
        self.recorder.output(self.at, said.kept)
        self.ring.add(said.seen)

    def _write(self) -> None:
        while (data := self._typing.get()) is not None:
            try:
                self.wire.write(data)
            except Exception as error:  # the reader says why
                log.info("Terminal %d: typing ended: %s", self.pk, error)
                return
            self._in_loop(self._took, len(data))

    def _in_loop(self, call: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            log.info("Terminal %d: the web process ends, and the terminal with it", self.pk)
            self.shut()
