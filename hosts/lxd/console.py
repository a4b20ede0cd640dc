"""An instance's console as lines of a log.

A server hands out what the console said since it was last asked, whoever asks. What was handed out is kept here, so that all readers of this
process see the same; what another process has read is not seen by this one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import quote

from hosts.engine_errors import EngineError
from hosts.engine_streams import LogLine
from hosts.lxd.link import Json, Link

EVERY = 1.0  # seconds between two looks of one who follows
MOST = 1 << 20  # bytes kept of each console
NOTHING_NEW = re.compile(r"no such file or directory|ENODATA|no data available", re.I)


Find = Callable[[str], Json | None]  # an instance by its identity, whatever its name is by now; None: it is gone


class Consoles:
    """What the consoles of a server have said, as far as this process was told."""

    def __init__(self, link: Link, find: Find) -> None:
        self._link, self.find = link, find
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._said: dict[str, tuple[int, bytes]] = {}  # with the number of bytes before it that were too many

    def read(self, identity: str) -> tuple[int, bytes]:
        """All that is kept, with the number of bytes before it; asks the server for more first. Raises EngineError."""
        with self._lock:
            lock = self._locks.setdefault(identity, threading.Lock())
        with lock:  # or what one is handed another would miss
            instance = self.find(identity)
            new = self._new(str(instance["name"])) if instance is not None else b""
            with self._lock:
                dropped, said = self._said.get(identity, (0, b""))
                said += new
                found = dropped + max(0, len(said) - MOST), said[-MOST:]
                if instance is not None:
                    self._said[identity] = found
                else:
                    self._said.pop(identity, None)
                    self._locks.pop(identity, None)
            return found

    def _new(self, name: str) -> bytes:
        try:
            answer = self._link.raw("GET", f"/instances/{quote(name)}/console", absent=True)
        except EngineError as error:
            if not NOTHING_NEW.search(error.message):
                raise
            return b""
        return answer.content if answer is not None else b""


class ConsoleLines:
    """Lines as they come, until the instance stops; `stop()` ends them from any thread. Raises EngineError.

    `past`: with those that are there.
    """

    def __init__(self, consoles: Consoles, identity: str, *, tail: int | None, follow: bool, past: bool) -> None:
        self._consoles, self._identity = consoles, identity
        self._tail, self._follow, self._past = tail, follow, past
        self._stopped = threading.Event()
        self._items = self._lines()

    def _runs(self) -> bool:
        instance = self._consoles.find(self._identity)
        return instance is not None and instance.get("status") not in {"Stopped", "Error"}

    def _lines(self) -> Iterator[LogLine]:
        dropped, said = self._consoles.read(self._identity)
        at = dropped + len(said)
        *lines, rest = said.split(b"\n")
        if self._past:
            for line in lines[-self._tail :] if self._tail else ([] if self._tail == 0 else lines):
                yield _line(line)
        runs = self._follow
        while runs and not self._stopped.wait(EVERY):
            runs = self._runs()  # before the look: what it says last is read, too
            dropped, said = self._consoles.read(self._identity)
            if dropped + len(said) < at:
                break  # it is gone, and what it said with it
            *lines, rest = (rest + said[max(0, at - dropped) :]).split(b"\n")
            at = dropped + len(said)
            for line in lines:
                yield _line(line)
        if rest:
            yield _line(rest)

    def __iter__(self) -> Iterator[LogLine]:
        return self

    def __next__(self) -> LogLine:
        return next(self._items)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()

    def __enter__(self) -> ConsoleLines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _line(text: bytes) -> LogLine:
    moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return LogLine("stdout", moment, text.rstrip(b"\r").decode("utf-8", "replace"))
