"""A stand-in for an engine that has logs and nothing else, on a Unix socket: says what it is told to, as fast as it is told to."""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOGS = re.compile(r"/v[\d.]+/containers/([\w-]+)/logs")
PARTIAL = 16 << 10  # bytes of which a real engine makes a piece of a line


def stamp_of(nanos: int) -> str:
    seconds, rest = divmod(nanos, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def nanos_of(text: str) -> int:
    seconds, _dot, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9] or 0)


@dataclass
class Log:
    """What one container has said: (nanoseconds, channel 1 or 2, bytes)."""

    lines: list[tuple[int, int, bytes]] = field(default_factory=list)
    runs: bool = True


class LogEngine:
    """`say` adds a line, `end` ends a container's log, `asked` are the calls that came in; `broken` answers instead."""

    def __init__(self, path: Path) -> None:
        self.path, self.logs, self.asked = path, {}, []  # type: ignore[var-annotated]
        self.changed = threading.Condition()
        self.cut_after: int | None = None  # lines after which a followed answer breaks off, once
        self.broken: Callable[[str], tuple[int, str] | None] = lambda _path: None
        engine = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while engine._one(self.rfile, self.wfile):
                    pass

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever listened has gone."""

        self.server = Server(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        with self.changed:
            for log in self.logs.values():
                log.runs = False
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def say(self, container: str, *texts: str | bytes, error: bool = False, at: int | None = None) -> list[str]:
        """Adds lines; their stamps. `at`: nanoseconds of the first, the others a microsecond apart."""
        now = time.time_ns() if at is None else at
        made = []
        with self.changed:
            log = self.logs.setdefault(container, Log())
            for n, text in enumerate(texts):
                data = text.encode() if isinstance(text, str) else text
                log.lines.append((now + n * 1000, 2 if error else 1, data))
                made.append(stamp_of(now + n * 1000))
            self.changed.notify_all()
        return made

    def end(self, container: str) -> None:
        with self.changed:
            self.logs.setdefault(container, Log()).runs = False
            self.changed.notify_all()

    # --- HTTP ----------------------------------------------------------------------------------------------------

    def _one(self, read: Any, write: Any) -> bool:
        request = read.readline().decode("latin-1").split()
        if len(request) < 2:
            return False
        while read.readline().strip():
            pass
        address = urlsplit(request[1])
        broken = self.broken(request[1])
        if broken is not None:
            return self._answer(write, *broken)
        found = LOGS.fullmatch(address.path)
        if found and found[1] in self.logs:
            self.asked.append(request[1])
            return self._log(write, self.logs[found[1]], {k: v[0] for k, v in parse_qs(address.query).items()})
        if address.path.endswith("/version"):
            return self._answer(write, 200, '{"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"}')
        return self._answer(write, 404, '{"message": "No such container"}')

    def _answer(self, write: Any, status: int, text: str) -> bool:
        data = text.encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        write.write(head.encode() + data)
        return True

    def _log(self, write: Any, log: Log, query: dict[str, str]) -> bool:
        write.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        follow, tail = query.get("follow") == "1", query.get("tail", "all")
        since, until = nanos_of(query.get("since", "0")), nanos_of(query.get("until", "99999999999"))
        with self.changed:
            at = 0 if tail == "all" else max(0, len(log.lines) - int(tail))
        sent = 0
        while True:
            with self.changed:
                lines, runs = log.lines[at:], log.runs
            at += len(lines)
            frames = b"".join(chunks(*line) for line in lines if since <= line[0] <= until)
            if frames:
                write.write(frames)
                write.flush()
            sent += len(lines)
            if follow and self.cut_after is not None and sent >= self.cut_after:
                self.cut_after = None
                return False
            if not follow or (not lines and not runs):
                write.write(b"0\r\n\r\n")
                return True
            with self.changed:
                if len(log.lines) == at and log.runs:
                    self.changed.wait(0.5)


def chunks(nanos: int, channel: int, text: bytes) -> bytes:
    """A line as an engine sends it: frames of 16 KiB, each with the time, each a chunk of its own."""
    stamp = stamp_of(nanos).encode()
    data = text + b"\n"
    found = []
    for begin in range(0, len(data), PARTIAL):
        piece = stamp + b" " + data[begin : begin + PARTIAL]
        frame = bytes([channel, 0, 0, 0]) + len(piece).to_bytes(4, "big") + piece
        found.append(b"%x\r\n%s\r\n" % (len(frame), frame))
    return b"".join(found)
