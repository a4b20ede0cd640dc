"""What comes from an engine that follows a log, as lines: the answer's head, its chunks, the engine's frames. Pure.

Thousands of streams go through here in one thread, so it does only what these answers need: HTTP/1.1 with chunks, or with an end
by closing.
"""

from __future__ import annotations

MOST_HEAD = 64 << 10
MOST_LINE = 64 << 10
MOST_MESSAGE = 4096


class BadAnswer(Exception):
    """What answers does not speak HTTP as an engine does."""


class LogAnswer:
    """`feed` bytes, get lines. `status`: 0 until the head is there; a refusal's text is in `message` when `ended`."""

    def __init__(self) -> None:
        self.status = 0
        self.ended = False
        self._raw = bytearray()  # of the connection
        self._frames = bytearray()  # without chunks
        self._rest = b""  # of a line
        self._chunked = False
        self._left = 0  # of the chunk that comes
        self._length: int | None = None

    @property
    def message(self) -> str:
        return bytes(self._frames[:MOST_MESSAGE]).decode("utf-8", "replace").strip()

    def feed(self, data: bytes) -> list[str]:
        self._raw += data
        if not self.status and not self._head():
            return []
        self._body()
        if self.status != 200:
            del self._frames[MOST_MESSAGE:]
            return []
        return self._lines()

    def _head(self) -> bool:
        end = self._raw.find(b"\r\n\r\n")
        if end < 0:
            if len(self._raw) > MOST_HEAD:
                raise BadAnswer("no end of the head")
            return False
        first, *rows = bytes(self._raw[:end]).decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise BadAnswer(first[:80])
        head = {name.strip().lower(): value.strip() for name, _colon, value in (row.partition(":") for row in rows)}
        self._chunked = "chunked" in head.get("transfer-encoding", "").lower()
        length = head.get("content-length", "")
        self._length = int(length) if length.isdigit() and not self._chunked else None
        self.status = int(words[1])
        del self._raw[: end + 4]
        return True

    def _body(self) -> None:
        raw = self._raw
        if not self._chunked:
            self._frames += raw
            if self._length is not None:
                self._length -= len(raw)
                self.ended = self._length <= 0
            raw.clear()
            return
        at = 0
        while not self.ended:
            if self._left > 2:
                piece = raw[at : at + self._left - 2]
                self._frames += piece
                at += len(piece)
                self._left -= len(piece)
                if self._left > 2:
                    break
            if self._left:  # the line end after a chunk
                if len(raw) - at < 2:
                    break
                at += 2
                self._left = 0
            end = raw.find(b"\r\n", at)
            if end < 0:
                if len(raw) - at > 1024:
                    raise BadAnswer("no chunk")
                break
            try:
                size = int(bytes(raw[at:end]).split(b";")[0], 16)
            except ValueError:
                raise BadAnswer("no chunk") from None
            at = end + 2
            self.ended = size == 0
            self._left = size + 2
        del raw[:at]

    def _lines(self) -> list[str]:
        """The lines of complete frames on stdout; what the collector complains about (stderr) does not count."""
        frames, at, text = self._frames, 0, []
        while len(frames) - at >= 8:
            if frames[at] > 2 or frames[at + 1] or frames[at + 2] or frames[at + 3]:
                raise BadAnswer("no frames")
            size = int.from_bytes(frames[at + 4 : at + 8], "big")
            if len(frames) - at - 8 < size:
                break
            if frames[at] != 2:
                text.append(bytes(frames[at + 8 : at + 8 + size]))
            at += 8 + size
        del frames[:at]
        if not text:
            return []
        *lines, self._rest = (self._rest + b"".join(text)).split(b"\n")
        if len(self._rest) > MOST_LINE:
            lines.append(self._rest)
            self._rest = b""
        return [line.decode("ascii", "replace") for line in lines]
