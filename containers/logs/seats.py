"""How many logs may be open or read at a time, so that nobody takes all of them. Counted a process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

Kind = Literal["stream", "read", "download"]
MOST_OF_ONE = 10  # streams of one person
MOST_READS = 6  # pages, and lines asked back to, of one person in the same moment
MOST_DOWNLOADS = 3
MOST_READERS = 400  # threads of one process, one an instance
TOO_MANY, NO_ROOM = 429, 503
_lock = threading.Lock()
_taken: Counter[tuple[Kind, int]] = Counter()
_readers = 0


@contextmanager
def seat(person: int, readers: int, kind: Kind = "stream") -> Iterator[str]:
    """Takes room for one stream with so many readers; gives the words of a refusal, or nothing."""
    global _readers  # noqa: PLW0603  one counter a process
    with _lock:
        words = refusal(_taken[kind, person], _readers, readers, kind)
        if not words:
            _taken[kind, person] += 1
            _readers += readers
        else:
            _forget(kind, person)
    try:
        yield words
    finally:
        if not words:
            with _lock:
                _taken[kind, person] -= 1
                _readers -= readers
                _forget(kind, person)


def _forget(kind: Kind, person: int) -> None:
    if not _taken[kind, person]:
        del _taken[kind, person]


@contextmanager
def room(person: int, readers: int, kind: Kind) -> Iterator[None]:
    """The same for what is answered at once. Raises Refused, of a status that says whether it is the person's or the platform's."""
    with seat(person, readers, kind) as words:
        if words:
            raise Refused(words, None, TOO_MANY if is_full(person, kind) else NO_ROOM)
        yield


def is_full(person: int, kind: Kind) -> bool:
    with _lock:
        return _taken.get((kind, person), 0) >= most(kind)


def most(kind: Kind) -> int:
    """How many of one person."""
    return {"stream": MOST_OF_ONE, "read": MOST_READS, "download": MOST_DOWNLOADS}[kind]


def refusal(taken: int, readers: int, more: int, kind: Kind = "stream") -> str:
    """Why one more is refused; empty: it is not. Pure."""
    if taken >= most(kind):
        said = {
            "stream": _("You have %(n)d logs open here already, which is the most one person may: close one of them."),
            "read": _(
                "You have %(n)d reads of logs under way already, which is the most one person may: wait for one."
            ),
            "download": _(
                "You have %(n)d downloads of logs under way, which is the most one person may: wait for one."
            ),
        }[kind]
        return said % {"n": taken}
    if readers + more > MOST_READERS:
        return _("So many logs are open on the platform that this one has no room now. Try again later.")
    return ""


def taken() -> tuple[int, int]:
    """How many are open or read, and their readers, of this process."""
    with _lock:
        return sum(_taken.values()), _readers
