"""What threads that read logs leave for the event loop that sends them: bounded, waiting for room before it drops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque

from containers.logs.text import Line

LINES = 20_000
CHARACTERS = 16 << 20
PATIENCE = 3.0  # seconds that a reader waits for room
STEP = 0.25


class Mailbox:
    """Any thread puts, the loop takes. Whoever finds it full waits; what still has no room is dropped and counted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lines: int = LINES, characters: int = CHARACTERS) -> None:
        self._loop, self._most, self._most_characters = loop, lines, characters
        self._lines: deque[Line] = deque()
        self._characters = 0
        self._room = threading.Condition()
        self._filled = asyncio.Event()
        self._told = False
        self.closed = False

    def put(self, line: Line, patience: float = PATIENCE, *, always: bool = False) -> bool:
        """False when there was no room in time (or nobody takes any more). `always`: a note, which is short and rare."""
        with self._room:
            if not always and self._full() and not self._wait(patience):
                return False
            if self.closed:
                return False
            self._lines.append(line)
            self._characters += len(line.text)
            if not self._told:
                self._told = True
                self._tell()
        return True

    def _full(self) -> bool:
        return len(self._lines) >= self._most or self._characters >= self._most_characters

    def _wait(self, patience: float) -> bool:
        until = time.monotonic() + patience
        while self._full() and not self.closed:
            left = until - time.monotonic()
            if left <= 0:
                return False
            self._room.wait(min(left, STEP))
        return not self.closed

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._filled.set)
        except RuntimeError:  # the web process ends, and its loop with it
            self.closed = True

    async def wait(self, seconds: float) -> bool:
        """Waits for something to take; False when nothing came in time."""
        try:
            await asyncio.wait_for(self._filled.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def take(self) -> list[Line]:
        """All that is there."""
        with self._room:
            found = list(self._lines)
            self._lines.clear()
            self._characters, self._told = 0, False
            self._filled.clear()
            self._room.notify_all()
        return found

    def close(self) -> None:
        """Nobody takes any more: whoever waits for room goes on."""
        with self._room:
            self.closed = True
            self._room.notify_all()
