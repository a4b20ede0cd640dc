"""Endless answers of an engine: progress, events, logs. Each can be broken off from another thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import paramiko
import requests
import urllib3.exceptions

from hosts.engine_errors import from_exception
from hosts.engine_transport import abort

Item = TypeVar("Item")
Channel = Literal["stdout", "stderr"]
HEADER = 8
LONGEST_LINE = 2 << 20  # a line without end is cut into pieces of this size


class LogLine(NamedTuple):
    """One line of a container's log; `timestamp` is the engine's RFC 3339 text with nanoseconds."""

    stream: Channel
    timestamp: str
    text: str
    goes_on: bool = False  # the line was too long: the channel's next one is its rest


class Stream(Generic[Item]):
    """An iterator over an answer that comes in pieces. `stop()` ends it from any thread; leaving `with` closes it.

    Raises EngineError when the connection breaks before the answer ended.
    """

    def __init__(
        self,
        response: requests.Response,
        parse: Callable[[Iterator[bytes]], Iterator[Item]],
        where: str,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """`ended` is called once, when the answer is over, however it ends."""
        self._ended: Callable[[], None] | None = ended
        self._response = response
        self._where = where
        self._stopped = threading.Event()
        self._items = parse(self._chunks())

    def _chunks(self) -> Iterator[bytes]:
        raw = self._response.raw
        try:
            if getattr(raw, "chunked", False):
                yield from raw.read_chunked(decode_content=False)
            else:
                while piece := raw.read1(65536):
                    yield piece
        except (urllib3.exceptions.HTTPError, paramiko.SSHException, OSError, ValueError, AttributeError) as error:
            # A stopped stream ends somewhere inside the library, in one of several ways.
            if self._stopped.is_set():
                return
            raise from_exception(error, self._where) from error

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if self._stopped.is_set():
            self.close()
            raise StopIteration
        try:
            return next(self._items)
        except BaseException:
            self.close()
            raise

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """End the stream; whoever waits for its next item wakes up."""
        self._stopped.set()
        abort(self._response)

    def close(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()
        self._response.close()

    def __enter__(self) -> Stream[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.close()


def json_objects(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """JSON objects that follow each other, one a line (which the engine ends with LF or CRLF)."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)


def frames(chunks: Iterator[bytes]) -> Iterator[tuple[Channel, bytes]]:
    """The engine's multiplexed frames; an answer without them (the container has a terminal) is all stdout."""
    buffer = bytearray()
    plain: bool | None = None
    for chunk in chunks:
        if plain:
            yield "stdout", chunk
            continue
        buffer += chunk
        if plain is None and len(buffer) >= 4:
            plain = buffer[0] > 2 or any(buffer[1:4])
            if plain:
                yield "stdout", bytes(buffer)
                buffer.clear()
        while len(buffer) >= HEADER and len(buffer) >= (end := HEADER + int.from_bytes(buffer[4:8], "big")):
            yield "stderr" if buffer[0] == 2 else "stdout", bytes(buffer[HEADER:end])
            del buffer[:end]
    if plain is None and buffer:
        yield "stdout", bytes(buffer)


def log_lines(chunks: Iterator[bytes]) -> Iterator[LogLine]:
    """Lines of a log that was asked for with timestamps. Bytes that are no UTF-8 become replacement signs."""
    rest: dict[Channel, bytes] = {"stdout": b"", "stderr": b""}
    for channel, data in frames(chunks):
        begun = rest[channel]
        *lines, rest[channel] = (begun + _continued(begun, data) if begun else data).split(b"\n")
        for line in lines:
            yield _line(channel, line)
        if len(rest[channel]) > LONGEST_LINE:
            yield _line(channel, rest[channel])._replace(goes_on=True)
            rest[channel] = b""
    for channel, data in rest.items():
        if data:
            yield _line(channel, data)


def _continued(begun: bytes, data: bytes) -> bytes:
    """The engine stores a long line in pieces and puts its time before each of them: only the first one counts."""
    stamp = begun[: begun.find(b" ", 0, 40) + 1]
    return data[len(stamp) :] if len(stamp) > 20 and data.startswith(stamp) else data


def _line(channel: Channel, line: bytes) -> LogLine:
    text = line.decode("utf-8", "replace").rstrip("\r")
    stamp, space, words = text.partition(" ")
    if space and len(stamp) >= 20 and stamp[4:5] == "-" and stamp[10:11] == "T":
        return LogLine(channel, stamp, words)
    return LogLine(channel, "", text)
