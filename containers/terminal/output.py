"""A command's output on its way to its rows: whole characters, the first part as it comes, the last part when it ends. Pure.

Values of secrets go out before anything is cut, so that no cut leaves half of one.
"""

from __future__ import annotations

import codecs
import threading

from xqplatform.secrets.masking import NOTHING, Masker
from xqplatform.secrets.masking_live import Live

MOST = 1 << 20  # bytes that are kept from the beginning on,
TAIL = 64 << 10  # and from the end


class Output:
    """Fed by the thread that reads, taken from by the one that stores."""

    def __init__(self, hide: Masker = NOTHING, most: int = MOST, tail: int = TAIL) -> None:
        self.hide = hide  # the one that stores keeps it up to date
        self._hiding = Live(lambda: self.hide)
        self.size = self.kept = 0  # bytes, without the values
        self._most, self._tail_size = most, tail
        self._new, self._tail = bytearray(), bytearray()
        self._lock = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, data: bytes) -> None:
        with self._lock:
            self._add(self._hiding.feed(data).kept)

    def _add(self, data: bytes) -> None:
        room = max(0, min(len(data), self._most - self.size))
        self.size += len(data)
        self._new += data[:room]
        self._tail += data[room:]
        del self._tail[: max(0, len(self._tail) - self._tail_size)]

    @property
    def left_out(self) -> int:
        """Bytes that are kept nowhere."""
        return self.size - min(self.size, self._most) - len(self._tail)

    def take(self, last: bool = False) -> str:
        """What is to be stored now; with `last` also the end of what did not fit, after a line that says how much is missing."""
        with self._lock:
            if last:
                self._add(self._hiding.feed(b"", last=True).kept)
            data = bytes(self._new)
            self._new.clear()
            self.kept += len(data)
            text = self._decoder.decode(data, final=last)
            if last and self._tail:
                gap = f"\n[… {self.left_out} bytes left out …]\n" if self.left_out else ""
                self.kept += len(self._tail)
                text += gap + bytes(self._tail).decode("utf-8", "replace")
            return text.replace("\0", "\ufffd")
