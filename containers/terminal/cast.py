"""What was seen in a terminal, as asciicast v2: one JSON line a header, one an event. Pure.

A flood is thinned: of what is said within a tenth of a second only the beginning and the last part are kept, and what was left
out is said there. The last part is more than a screen, so whatever stood there for a tenth of a second is in it, and no flood
pushes it out; a `yes` that runs for an hour does not fill the disk.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from typing import Any

from xqplatform.secrets.masking import NOTHING, Masker, Stream

SLICES = 10  # of a second
HEAD = 4 << 10  # bytes of one slice that are kept from its beginning on,
TAIL = 12 << 10  # and from its end: a screen of 200 columns and 60 lines
Json = dict[str, Any]


def header(columns: int, rows: int, begun: float, title: str, shell: str) -> str:
    """The first line; `begun` in Unix time."""
    env = {"TERM": "xterm-256color", "SHELL": shell}
    head: Json = {"version": 2, "width": columns, "height": rows, "timestamp": int(begun), "title": title, "env": env}
    return json.dumps(head, ensure_ascii=False) + "\n"


def line(at: float, kind: str, data: str) -> str:
    """One event: `o` output, `i` input, `r` «COLUMNSxROWS», `m` a mark; `at` in seconds since the beginning."""
    return json.dumps([round(at, 3), kind, data], ensure_ascii=False) + "\n"


class Recorder:
    """Gathers events between two `take`s. Not for two threads at once.

    Output comes in pieces that may end inside a character; a piece is written when its characters are whole.
    """

    def __init__(self, with_input: bool = False, hide: Callable[[], Masker] = lambda: NOTHING) -> None:
        """`hide`: values that are not recorded where somebody types them. Output comes without such."""
        self._hiding = Stream(hide)
        self.with_input = with_input
        self.left_out = 0  # bytes of output that are not in it
        self._lines: list[str] = []
        self._slice, self._said = -1, 0
        self._tail, self._tail_at, self._gap = bytearray(), 0.0, 0
        self._output, self._input = _decoder(), _decoder()

    def output(self, at: float, data: bytes) -> None:
        if int(at * SLICES) != self._slice:
            self._close_slice()
            self._slice = int(at * SLICES)
        room = max(0, HEAD - self._said)
        self._said += len(data)
        if data[:room]:
            self._add(at, "o", self._output.decode(data[:room]))
        if data[room:]:
            self._tail += data[room:]
            self._tail_at = at
            if (over := len(self._tail) - TAIL) > 0:
                del self._tail[:over]
                self._gap += over

    def typed(self, at: float, data: bytes) -> None:
        if self.with_input:
            self._add(at, "i", self._hiding.feed(self._input.decode(data)))

    def resized(self, at: float, columns: int, rows: int) -> None:
        self._close_slice()
        self._add(at, "r", f"{columns}x{rows}")

    def mark(self, at: float, words: str) -> None:
        self._close_slice()
        self._add(at, "i", self._hiding.feed("", last=True))
        self._add(at, "m", words)

    def take(self, at: float) -> str:
        """The lines since the last time; what is held back of a slice that is over comes with them."""
        if int(at * SLICES) != self._slice:
            self._close_slice()
        found = "".join(self._lines)
        self._lines.clear()
        return found

    def _add(self, at: float, kind: str, text: str) -> None:
        if text:
            self._lines.append(line(at, kind, text))

    def _close_slice(self) -> None:
        if self._gap:
            self.left_out += self._gap
            self._output = _decoder()  # the gap may have cut a character
            self._add(self._tail_at, "m", f"{self._gap} bytes of output left out")
        if self._tail:
            self._add(self._tail_at, "o", self._output.decode(bytes(self._tail)))
            self._tail.clear()
        self._said = self._gap = 0


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")
