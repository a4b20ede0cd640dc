"""The platform's own log without values of secrets, tracebacks included.

A process can tell only what it knows, and it knows a secret only by encrypting or decrypting it: so each value that went through its hands
is looked for, and no database is asked. Beside them what the process was given: keys, and passwords in addresses.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterable
from types import TracebackType

from xqplatform.secrets.masking import SHORTEST, Masker

MOST = 20_000  # values that are remembered; of more the oldest are forgotten


class Remembered:
    """Values in groups, each with its own search, the newest last: a new value does not have all others prepared again."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._values: set[str] = set()
        self._new: list[str] = []
        self._groups: list[tuple[list[str], Masker]] = []
        self._lock = threading.Lock()

    def learn(self, values: Iterable[str]) -> None:
        for value in values:
            if len(value) >= SHORTEST and value not in self._values:
                with self._lock:
                    self._values.add(value)
                    self._new.append(value)

    def __call__(self, text: str) -> str:
        """The text without the values."""
        if self._new:
            self._prepare()
        for _values, mask in self._groups:
            text = mask(text)
        return text

    def _prepare(self) -> None:
        with self._lock:
            if not self._new:
                return  # another thread has done it
            values, groups = self._new, list(self._groups)
            while groups and len(groups[-1][0]) <= 2 * len(values):
                values = groups.pop()[0] + values
            if groups and sum(len(group) for group, _mask in groups) + len(values) > self._most:
                self._values -= set(groups.pop(0)[0])
            self._groups, self._new = [*groups, (values, Masker(values))], []


told = Remembered()
learn = told.learn


class Formatter(logging.Formatter):
    """Of all handlers of the platform's processes."""

    def format(self, record: logging.LogRecord) -> str:
        return told(super().format(record))


def uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What Python prints of a mistake that nobody caught."""
    sys.stderr.write(told("".join(traceback.format_exception(kind, error, trace))))


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_type is not SystemExit:
        name = what.thread.name if what.thread else "?"
        sys.stderr.write(f"Exception in thread {name}:\n")
        uncaught(what.exc_type, what.exc_value, what.exc_traceback)


def install() -> None:
    """For this process."""
    from xqplatform.secrets import known

    learn(known.surroundings())
    sys.excepthook, threading.excepthook = uncaught, _uncaught_in_thread
