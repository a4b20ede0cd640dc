"""Takes known values out of text: also as base64, in addresses, in JSON, and split over pieces. Pure.

All values are looked for at once (Aho-Corasick), so the time grows with the text and not with their number. Overlapping
ones are hidden together. Values shorter than SHORTEST are words like others and stay.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

import ahocorasick

HIDDEN = "•••"
SHORTEST = 6  # characters of a value that is looked for
LONGEST = 64 << 10  # characters; what is longer is looked for by its lines
_WRAPPED = (76, 64)  # characters of a line of base64, as tools write it
_PERCENT = re.compile(r"%[0-9A-F]{2}")
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
        self._found = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        self.longest = 0
        for text in {text for value in set(values) for text in spellings(value)}:
            self._found.add_word(text, len(text))
            self.longest = max(self.longest, len(text))
        if self.longest:
            self._found.make_automaton()

    def __bool__(self) -> bool:
        return bool(self.longest)

    def __call__(self, text: str) -> str:
        """The text without the values."""
        return self._cut(text, self._spans(text)) if self.longest and text else text

    def shows_in(self, text: str) -> bool:
        """Whether any value is in it."""
        return bool(self.longest and text and self._spans(text))

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where values stand, as (begin, end); what overlaps is one."""
        spans: list[tuple[int, int]] = []
        for last, length in self._found.iter(text):
            begin, end = last + 1 - length, last + 1
            while spans and begin < spans[-1][1]:
                begin = min(begin, spans.pop()[0])
            spans.append((begin, end))
        return spans

    @staticmethod
    def _cut(text: str, spans: list[tuple[int, int]]) -> str:
        if not spans:
            return text
        parts, at = [], 0
        for begin, end in spans:
            parts += [text[at:begin], HIDDEN]
            at = end
        return "".join([*parts, text[at:]])

    def stream(self) -> Stream:
        """For text that comes in pieces."""
        return Stream(lambda: self)

    def held(self, text: str) -> int:
        """How many characters at the end may be the beginning of a value."""
        for begin in range(max(0, len(text) - self.longest + 1), len(text)):
            if self._found.match(text[begin:]):
                return len(text) - begin
        return 0


NOTHING = Masker(())


class Stream:
    """Masks pieces as they come. What may be the beginning of a value waits for the next piece, or for `last`.

    `current` is asked at each piece: values may become known meanwhile.
    """

    def __init__(self, current: Callable[[], Masker]) -> None:
        self._current = current
        self._rest = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """What can be told now."""
        masker = self._current()
        whole = self._rest + text
        self._rest = ""
        if not masker:
            return whole
        spans = masker._spans(whole)
        if not last:
            edge = len(whole) - masker.held(whole)
            # A value that ends beyond the edge is told with what follows, since a longer one may begin in it.
            while spans and spans[-1][1] > edge:
                edge = min(edge, spans.pop()[0])
            whole, self._rest = whole[:edge], whole[edge:]
        return masker._cut(whole, spans)

    @property
    def waits(self) -> bool:
        """Whether something is held back."""
        return bool(self._rest)
