"""The last lines of a log within limits, and how they are stored. Pure."""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from hosts.engine import LogLine

LINES = 500
LINE_BYTES = 16 << 10
BYTES = 512 << 10


@dataclass
class Last:
    """Takes lines in their order and has the last ones: at most LINES of them, and BYTES together."""

    lines: deque[LogLine] = field(default_factory=deque)
    size: int = 0
    cut: bool = False  # something was left out

    def add(self, line: LogLine) -> None:
        text, was_cut = shortened(line.text)
        self.cut = self.cut or was_cut
        self.lines.append(line._replace(text=text))
        self.size += weight(text)
        while len(self.lines) > LINES or self.size > BYTES:
            self.size -= weight(self.lines.popleft().text)
            self.cut = True


def weight(text: str) -> int:
    """Bytes of a line with its end. (Of UTF-8; surrogates cannot come, the engine's bytes were decoded.)"""
    return len(text.encode("utf-8", "replace")) + 1


def shortened(text: str, limit: int = LINE_BYTES) -> tuple[str, bool]:
    """The line within so many bytes, with a word on how much was left out; and whether it was."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text, False
    return f"{data[:limit].decode('utf-8', 'ignore')}… (+{len(data) - limit} bytes)", True


def packed(lines: Iterable[LogLine]) -> bytes:
    """Lines as they are stored: one JSON array each, compressed together."""
    rows = (json.dumps([int(one.stream == "stderr"), one.timestamp, one.text]) for one in lines)
    return zlib.compress("\n".join(rows).encode(), 6)


def unpacked(data: bytes | memoryview[int]) -> list[LogLine]:
    """What `packed` made; nothing of nothing."""
    if not data:
        return []
    rows = zlib.decompress(bytes(data)).decode().split("\n")
    found = (json.loads(row) for row in rows if row)
    return [LogLine("stderr" if error else "stdout", stamp, text) for error, stamp, text in found]


def texts(lines: Iterable[LogLine], count: int, size: int) -> str:
    """The last `count` lines as text, within `size` characters: for where a glance is enough.

    Without NUL, which PostgreSQL takes in no text: a program that says one would keep its step from ending.
    """
    return "\n".join(line.text for line in list(lines)[-count:])[-size:].replace("\x00", "")
