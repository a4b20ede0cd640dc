"""An instance's console as lines of a log: the server keeps its last part in a ring, which is read again and again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from hosts.engine_streams import LogLine
from hosts.lxd.link import Link

EVERY = 1.0  # seconds between two looks of one who follows


def added(before: bytes, now: bytes) -> bytes:
    """What came to the ring since it was `before`. Pure.

    The ring drops its beginning when it is full; of what was turned over in between nothing can be told.
    """
    if now.startswith(before):
        return now[len(before) :]
    for length in range(min(len(before), len(now)), 0, -1):
        if before.endswith(now[:length]):
            return now[length:]
    return now


class ConsoleLines:
    """Lines as they come; `stop()` ends them from any thread. Raises EngineError."""

    def __init__(self, link: Link, path: str, *, tail: int | None, follow: bool) -> None:
        self._link, self._path, self._tail, self._follow = link, path, tail, follow
        self._stopped = threading.Event()
        self._items = self._lines()

    def _read(self) -> bytes:
        answer = self._link.raw("GET", f"{self._path}/console", absent=True)
        return answer.content if answer is not None else b""

    def _lines(self) -> Iterator[LogLine]:
        before = self._read()
        lines = before.split(b"\n")
        rest = lines.pop()
        for line in lines[-self._tail :] if self._tail else ([] if self._tail == 0 else lines):
            yield _line(line)
        while self._follow and not self._stopped.wait(EVERY):
            now = self._read()
            *lines, rest = (rest + added(before, now)).split(b"\n")
            before = now
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
