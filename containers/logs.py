"""A container's log as a stream of server-sent events: with an end, a limit on streams, and plain text in it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from datetime import datetime
from typing import Any, Protocol

from django.utils.translation import gettext as _

from hosts import engine
from hosts.models import Host

log = logging.getLogger(__name__)
# CSI, OSC and two-byte escape sequences; and what else would move a cursor.
ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
MOST_LINES = 2000  # asked of the engine at once
LONGEST = 8000  # characters of a line
MOST_STREAMS = 200  # of one process
MOST_SECONDS = 15 * 60
BEAT = 12.0
BATCH = 200  # lines of one event
QUEUE = 2000  # lines that wait for a slow browser; then the reader waits
_open = 0


class Lines(Protocol):
    """What `open_log` gives: lines of the engine, stoppable from another thread."""

    def __iter__(self) -> Iterator[Any]: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


def plain(text: str) -> str:
    """A log's text without colours, cursor moves and other control signs; tabs and line ends stay."""
    return ANSI.sub("", text.replace("\r\n", "\n")).rsplit("\r", 1)[-1] if "\n" not in text else ANSI.sub("", text)


def open_log(host: Host, engine_id: str, tail: int, since: float | None, follow: bool) -> Lines:
    """The engine's stream. Raises EngineError."""
    return engine.connect(host).logs(engine_id, tail=tail, follow=follow, since=since)


def epoch_of(stamp: str) -> float | None:
    """An engine's RFC 3339 text with nanoseconds as Unix time; None when it is none."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", stamp)
    if not found:
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    try:
        return datetime.fromisoformat(found[1] + zone).timestamp() + float(found[2] or 0)
    except ValueError:
        return None


def event(name: str, data: Any, key: str = "") -> str:
    head = f"id: {key}\n" if key else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"


def shown(line: Any) -> list[str]:
    """[channel, timestamp, text] for the page."""
    return ["err" if line.stream == "stderr" else "out", line.timestamp, plain(line.text)[:LONGEST]]


class Reader(threading.Thread):
    """Reads the engine's log in a thread of its own and hands the lines to the event loop, not faster than they go out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: Host, engine_id: str, **how: Any) -> None:
        super().__init__(daemon=True, name=f"log-{engine_id[:12]}")
        self.loop, self.host, self.engine_id, self.how = loop, host, engine_id, how
        self.queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(QUEUE)
        self.lines: Lines | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        try:
            self.lines = open_log(self.host, self.engine_id, **self.how)
            if self.stopped.is_set():
                self.lines.stop()
            for line in self.lines:
                if not self._put(("line", shown(line))):
                    log.debug("%s: whoever read along has gone", self.name)
                    return
            self._put(("end", _("The container has ended its log.")))
        except engine.EngineError as error:
            self._put(("failed", error.words or error.message))
        except Exception as error:
            if not self.stopped.is_set():  # a connection that is shut while it is read may fail in any way
                log.exception("%s: reading broke off", self.name)
            self._put(("failed", str(error)))
        finally:
            if self.lines is not None:
                self.lines.close()

    def _put(self, item: tuple[str, Any]) -> bool:
        """Waits until the line has its place in the queue. False when nobody listens any more: the page has gone
        (`stopped`), or its web process ends, and its loop with it.
        """
        if self.stopped.is_set():
            return False
        putting = self.queue.put(item)
        try:
            waiting = asyncio.run_coroutine_threadsafe(putting, self.loop)
        except RuntimeError:
            putting.close()
            log.info("%s: the web process ends, and the reading with it", self.name)
            return False
        while True:
            try:
                waiting.result(timeout=1)
                return True
            except TimeoutError:
                if self.stopped.is_set():
                    waiting.cancel()
                    return False
            except CancelledError:
                log.info("%s: the web process ends, and the reading with it", self.name)
                return False

    def stop(self) -> None:
        self.stopped.set()
        if self.lines is not None:
            self.lines.stop()


async def stream(host: Host, engine_id: str, tail: int, since: float | None) -> AsyncIterator[str]:
    """The events of one page: `lines` (up to BATCH at a time), `beat`, and at the end `end` or `failed` with the words."""
    global _open  # noqa: PLW0603  the number of open streams of this process
    if _open >= MOST_STREAMS:
        yield event("failed", _("Too many logs are open here; close one, or try again later."))
        return
    _open += 1
    reader = Reader(asyncio.get_running_loop(), host, engine_id, tail=tail, since=since, follow=True)
    try:
        reader.start()
        yield event("hello", {"container": engine_id[:12]})
        until = time.monotonic() + MOST_SECONDS
        while time.monotonic() < until:
            try:
                kind, data = await asyncio.wait_for(reader.queue.get(), BEAT)
            except TimeoutError:
                yield event("beat", {})
                continue
            lines: list[Any] = []
            while True:
                if kind != "line":
                    break
                lines.append(data)
                if len(lines) >= BATCH or reader.queue.empty():
                    break
                kind, data = reader.queue.get_nowait()
            if lines:
                yield event("lines", lines, lines[-1][1])
            if kind != "line":
                yield event(kind, data)
                return
        yield event("again", {})
    finally:
        _open -= 1
        reader.stop()
