"""Takes known values out of text: also as base64, in addresses, in JSON, and split over pieces. Pure.

All values are looked for at once (Aho-Corasick, over UTF-8), so the time grows with the text and not with their number. Overlapping
ones are hidden together. Values shorter than SHORTEST are words like others and stay.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick

HIDDEN = "•••"
SHORTEST = 6  # characters of a value that is looked for
LONGEST = 64 << 10  # characters; what is longer is looked for by its lines
_WRAPPED = (76, 64)  # characters of a line of base64, as tools write it
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_UTF8 = ("utf-8", "surrogatepass")
_SIGN = HIDDEN.encode()
Span = tuple[int, int]
_FRAME = "-----"  # the first and last lines of keys are everybody's


def spellings(value: str) -> set[str]:
    """All texts that tell the value, each long enough to be looked for."""
    lines = [line for line in (one.strip() for one in value.splitlines()) if not line.startswith(_FRAME)]
    found: set[str] = set()
    for text in dict.fromkeys([value, value.strip(), *lines]):
        if len(text) >= SHORTEST:
            found |= set(_spelled(text))
    return {text for text in found if SHORTEST <= len(text) <= LONGEST}


def _spelled(text: str) -> Iterator[str]:
    yield text
    for quoted in (quote(text), quote(text, safe=""), quote_plus(text)):
        yield quoted
        yield _PERCENT.sub(lambda sign: sign[0].lower(), quoted)
    yield html.escape(text)
    for escaped in (json.dumps(text), json.dumps(text, ensure_ascii=False), repr(text)):
        yield escaped[1:-1]
    yield from _encoded(text.encode("utf-8", "surrogatepass"))


def _encoded(data: bytes) -> Iterator[str]:
    """As base64: by itself, and within something longer, where it may begin at any of three places."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(data).decode()
        yield whole
        yield whole.rstrip("=")
        for width in _WRAPPED:
            if len(whole) > width:
                yield from (whole[at : at + width] for at in range(0, len(whole), width))
        for before in range(3):
            text = encode(b"\0" * before + data).decode()
            begin = (0, 2, 3)[before]
            end = (len(text), -3, -2)[(before + len(data)) % 3]
            yield text[begin:end]


class Masker:
    """Knows the values of one scope."""

    def __init__(self, values: Iterable[str]) -> None:
        words = sorted({text.encode(*_UTF8) for value in set(values) for text in spellings(value)})
        self.longest = max(map(len, words), default=0)  # bytes
        self._begun: dict[bytes, list[bytes]] = {}  # by their first bytes
        for word in words:
            self._begun.setdefault(word[:SHORTEST], []).append(word)
        self._shorter = {head[:n] for head in self._begun for n in range(1, SHORTEST)}
        self._words, self._heads = BytesAhoCorasick(words), BytesAhoCorasick(self._begun)

    def __bool__(self) -> bool:
        return bool(self.longest)

    def __call__(self, text: str) -> str:
        """The text without the values."""
        data = text.encode(*_UTF8) if self.longest else b""
        spans = self.spans(data)
        return self.cut(data, spans).decode(*_UTF8) if spans else text

    def shows_in(self, text: str) -> bool:
        """Whether any value is in it."""
        return bool(self.longest and self.spans(text.encode(*_UTF8)))

    def spans(self, data: bytes) -> list[Span]:
        """Where values stand, as (begin, end); what overlaps is one."""
        spans: list[Span] = []
        for _word, first, end in self._words.find_matches_as_indexes(data, overlapping=True):
            begin = first
            while spans and begin < spans[-1][1]:
                begin = min(begin, spans.pop()[0])
            spans.append((begin, end))
        return spans

    def split(self, data: bytes, *, last: bool) -> tuple[int, list[Span]]:
        """Up to where something that goes on can be told, and what is to be cut out of that."""
        spans = self.spans(data) if self.longest else []
        if last or not self.longest:
            return len(data), spans
        edge = len(data) - self._held(data)
        # A value that ends beyond the edge is told with what follows, since a longer one may begin in it.
        while spans and spans[-1][1] > edge:
            edge = min(edge, spans.pop()[0])
        return edge, spans

    @staticmethod
    def cut(data: bytes, spans: Iterable[Span], begin: int = 0) -> bytes:
        """What stands there from `begin` on, outside of the spans."""
        parts, at = [], begin
        for first, end in spans:
            if end > begin:
                parts += [data[at:first], _SIGN]
                at = end
        return b"".join([*parts, data[at:]]) if parts else data[begin:]

    def _held(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a value."""
        first = max(0, len(data) - self.longest + 1)
        for _head, begin, _end in self._heads.find_matches_as_indexes(data[first:], overlapping=True):
            at = first + begin
            size = len(data) - at
            if any(len(word) > size and data.endswith(word[:size]) for word in self._begun[data[at : at + SHORTEST]]):
                return size
        return next((n for n in range(min(len(data), SHORTEST - 1), 0, -1) if data[-n:] in self._shorter), 0)

    def stream(self) -> Stream:
        """For text that comes in pieces."""
        return Stream(lambda: self)


NOTHING = Masker(())


class Stream:
    """Masks pieces as they come. What may be the beginning of a value waits for the next piece, or for `last`.

    `current` is asked at each piece: values may become known meanwhile.
    """

    def __init__(self, current: Callable[[], Masker]) -> None:
        self._current = current
        self._rest = b""

    def feed(self, text: str, *, last: bool = False) -> str:
        """What can be told now."""
        masker, whole = self._current(), self._rest + text.encode(*_UTF8)
        edge, spans = masker.split(whole, last=last)
        self._rest = whole[edge:]  # values are whole characters, and so is this
        return masker.cut(whole[:edge], spans).decode(*_UTF8)

    @property
    def waits(self) -> bool:
        """Whether something is held back."""
        return bool(self._rest)
