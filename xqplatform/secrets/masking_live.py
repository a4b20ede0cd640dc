"""Masks bytes that somebody watches as they come. Pure.

What may be the beginning of a value waits for the next piece, but not for long: nobody types against an echo that waits. So there are two
results: what is kept waits as long as it must; what is seen may be told early, and then only the rest of a value is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from xqplatform.secrets.masking import Masker

MOST_ECHO = 256  # bytes of what was typed last
_STEERS = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[^\[])\Z"
)  # a sequence for the terminal: its last letter begins no value
_ENTER = re.compile(rb"[\r\n]")


class Said(NamedTuple):
    kept: bytes
    seen: bytes


class Live:
    """Not for two threads at once. `current` is asked at each piece: values may become known meanwhile."""

    def __init__(self, current: Callable[[], Masker]) -> None:
        self._current = current
        self._rest = b""  # what waits,
        self._shown = 0  # and how much of it has been seen
        self._typed = b""

    @property
    def waits(self) -> bool:
        """Whether there is something that is not seen yet."""
        return len(self._rest) > self._shown

    def typed(self, data: bytes) -> None:
        """What a person typed comes back at once, also where a value begins with it: it tells nothing new."""
        lines = _ENTER.split(data)
        self._typed = ((self._typed if len(lines) == 1 else b"") + lines[-1])[-MOST_ECHO:]

    def feed(self, data: bytes, *, last: bool = False) -> Said:
        masker, whole = self._current(), self._rest + data
        edge, spans = masker.split(whole, last=last)
        told, shown = whole[:edge], min(self._shown, edge)
        self._rest, self._shown = whole[edge:], max(0, self._shown - edge)
        kept = masker.cut(told, spans)
        seen = masker.cut(told, spans, shown) if shown else kept
        return Said(kept, seen + self.early() if self.waits and self._is_no_news(whole) else seen)

    def early(self) -> bytes:
        """What waits, as far as it can be told: it has waited long enough."""
        masker, shown = self._current(), self._shown
        _edge, spans = masker.split(self._rest, last=True)
        self._shown = len(self._rest)
        return masker.cut(self._rest, spans, shown)

    def _is_no_news(self, whole: bytes) -> bool:
        """Whether what is not seen yet is an echo, or the end of a sequence for the terminal."""
        waiting = self._rest[self._shown :]
        at = self._typed.find(waiting)
        if at >= 0:
            self._typed = self._typed[at + len(waiting) :]
        return at >= 0 or (len(waiting) == 1 and _STEERS.search(whole[-40:]) is not None)
