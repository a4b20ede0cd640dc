"""How many logs may be open at a time, so that nobody takes all of them. Counted a process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

MOST_OF_ONE = 10  # streams of one person
MOST_READERS = 400  # threads of one process, one an instance
_lock = threading.Lock()
_streams: Counter[int] = Counter()
_readers = 0


@contextmanager
def seat(person: int, readers: int) -> Iterator[str]:
    """Takes room for one stream with so many readers; gives the words of a refusal, or nothing."""
    global _readers  # noqa: PLW0603  one counter a process
    with _lock:
        words = refusal(_streams[person], _readers, readers)
        if not words:
            _streams[person] += 1
            _readers += readers
    try:
        yield words
    finally:
        if not words:
            with _lock:
                _streams[person] -= 1
                if not _streams[person]:
                    del _streams[person]
                _readers -= readers


def refusal(streams: int, readers: int, more: int) -> str:
    """Why one more stream is refused; empty: it is not. Pure."""
    if streams >= MOST_OF_ONE:
        words = _("You have %(n)d logs open here already, which is the most one person may: close one of them.")
        return words % {"n": streams}
    if readers + more > MOST_READERS:
        return _("So many logs are open on the platform that this one has no room now. Try again later.")
    return ""


def taken() -> tuple[int, int]:
    """Streams and readers of this process."""
    with _lock:
        return sum(_streams.values()), _readers
