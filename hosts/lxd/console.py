"""An instance's console as lines of a log.

A server hands out what the console said since it was last asked, whoever asks. What was handed out is kept here, so that all readers of this
process see the same; what another process has read is not seen by this one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from hosts.engine_errors import EngineError
from hosts.engine_streams import LogLine
from hosts.lxd.link import Link

EVERY = 1.0  # seconds between two looks of one who follows
MOST = 1 << 20  # bytes kept of each console
NOTHING_NEW = re.compile(r"no such file or directory|ENODATA|no data available", re.I)


class Consoles:
    """What the consoles of a server have said, as far as this process was told."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._said: dict[str, bytes] = {}
        self._dropped: dict[str, int] = {}  # bytes that were too many

    def read(self, identity: str, path: str) -> tuple[int, bytes]:
        """All that is kept, with the number of bytes before it; asks the server for more first. Raises EngineError."""
        with self._lock:  # or what one is handed another would miss
            try:
                answer = self._link.raw("GET", f"{path}/console", absent=True)
                new = answer.content if answer is not None else b""
            except EngineError as error:
                if not NOTHING_NEW.search(error.message):
                    raise
                new = b""
            said = self._said.get(identity, b"") + new
            self._dropped[identity] = self._dropped.get(identity, 0) + max(0, len(said) - MOST)
            self._said[identity] = said[-MOST:]
            return self._dropped[identity], self._said[identity]

    def forget(self, identity: str) -> None:
        """It is gone."""
        with self._lock:
            self._said.pop(identity, None)
            self._dropped.pop(identity, None)


class ConsoleLines:
    """Lines as they come, until the instance stops; `stop()` ends them from any thread. Raises EngineError.

    `past`: with those that are there.
    """

    def __init__(
        self, consoles: Consoles, link: Link, identity: str, path: str, *, tail: int | None, follow: bool, past: bool
    ) -> None:
        self._consoles, self._link, self._identity, self._path = consoles, link, identity, path
        self._tail, self._follow, self._past = tail, follow, past
        self._stopped = threading.Event()
        self._items = self._lines()

    def _runs(self) -> bool:
        instance = self._link.ask("GET", self._path, absent=True)
        return instance is not None and instance.get("status") in {"Running", "Frozen"}

    def _lines(self) -> Iterator[LogLine]:
        dropped, said = self._consoles.read(self._identity, self._path)
        at = dropped + len(said)
        *lines, rest = said.split(b"\n")
        if self._past:
            for line in lines[-self._tail :] if self._tail else ([] if self._tail == 0 else lines):
                yield _line(line)
        runs = self._follow
        while runs and not self._stopped.wait(EVERY):
            runs = self._runs()  # before the look: what it says last is read, too
            dropped, said = self._consoles.read(self._identity, self._path)
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
