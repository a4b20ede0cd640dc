"""An instance's console as lines of a log.

A server hands out what the console said since it was last asked, whoever asks; of a stopped instance it tells the end of the last run again
and again. So what was handed out is kept, as pieces, and all readers of all processes read those.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError
from hosts.engine_streams import LogLine
from hosts.lxd.kept import Away, Kept, Piece
from hosts.lxd.link import Json, Link

EVERY = 1.0  # seconds between two looks of one who follows
MOST = 1 << 20  # bytes kept of each console
LATE = 100  # pieces before the last one that are asked for again: what another process numbered first may become visible later
NOTHING_NEW = re.compile(r"no such file or directory|ENODATA|no data available", re.I)


Find = Callable[[str], Json | None]  # an instance by its identity, whatever its name is by now; None: it is gone


@dataclass
class Console:
    """What one has said, as far as this process knows. `dropped`: bytes before `said` that were too many."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    dropped: int = 0
    said: bytes = b""
    unkept: bytes = b""  # handed out, and not kept yet
    known: dict[int, int] = field(default_factory=dict)  # number → size of each piece in `said`
    first: int = 0  # pieces with smaller numbers are forgotten
    last: int = 0

    def take(self, pieces: list[Piece]) -> bool:
        """Adds those that are new; whether some became too old by that."""
        for number, said in pieces:
            if number >= self.first and number not in self.known:
                self.known[number] = len(said)
                self.said += said
                self.last = max(self.last, number)
        over = max(0, len(self.said) - MOST)
        self.dropped, self.said = self.dropped + over, self.said[over:]
        left, old = sum(self.known.values()) if over else 0, False
        while self.known and left - self.known[oldest := next(iter(self.known))] >= MOST:
            left -= self.known.pop(oldest)
            self.first, old = max(self.first, oldest + 1), True
        return old

    def is_told(self, end: bytes) -> bool:
        """Whether this, which lies there of a run that is over, is what was read of it before."""
        return bool(self.said) and (self.said.endswith(end) or end.endswith(self.said))


class Consoles:
    """The consoles of a server."""

    def __init__(self, link: Link, find: Find, kept: Kept) -> None:
        self._link, self.find, self._kept = link, find, kept
        self._lock = threading.Lock()
        self._consoles: dict[str, Console] = {}

    def read(self, identity: str) -> tuple[int, bytes]:
        """All that is kept, with the number of bytes before it; asks the server for more first. Raises EngineError."""
        with self._lock:
            console = self._consoles.setdefault(identity, Console())
        try:
            with console.lock:  # or what one is handed another would miss
                instance = self.find(identity)
                if instance is None:
                    with self._lock:
                        self._consoles.pop(identity, None)
                else:
                    self._ask(identity, instance, console)
                if self._take(identity, console):
                    self._kept.drop(identity, console.first)
                return console.dropped, console.said
        except Away as error:
            words = _("What the console said could not be kept: %(text)s")
            raise EngineError("other", str(error), words % {"text": error}, retry=True) from error

    def _take(self, identity: str, console: Console) -> bool:
        return console.take(self._kept.pieces(identity, max(0, console.last - LATE)))

    def _ask(self, identity: str, instance: Json, console: Console) -> None:
        new, over = self._new(str(instance["name"]))
        if over:
            self._take(identity, console)
            first = self._kept.end_run(identity, str(instance.get("last_used_at")))
            new = new if first and not console.is_told(new) else b""
        console.unkept += new
        if console.unkept:
            self._kept.add_piece(identity, console.unkept)
            console.unkept = b""

    def _new(self, name: str) -> tuple[bytes, bool]:
        """What the server hands out; whether it comes from a file, as of a stopped instance: what nobody had read by then, else all that
        was read.
        """
        try:
            answer = self._link.raw("GET", f"/instances/{quote(name)}/console", absent=True)
        except EngineError as error:
            if not NOTHING_NEW.search(error.message):
                raise
            return b"", False
        if answer is None:
            return b"", False
        return answer.content, not answer.headers.get("Content-Disposition", "").endswith("filename=")


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
