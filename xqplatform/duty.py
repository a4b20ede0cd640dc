"""Rows that one process of all attends to as a whole: it takes their leases, listens in an event loop, and writes in a thread.

The beat has some worker take what nobody has (`start`); a process that dies leaves its rows to the next one that is asked.
"""

from __future__ import annotations

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from xqplatform import leases

RENEW = 4.0  # seconds between two renewals of the leases


class Duty(ABC):
    """One a process. Its model has `lease` and `lease_until` (`xqplatform.leases`)."""

    model: type[Model]
    threads: tuple[str, str]  # their names: the loop's and the writing one's
    most: int | None = None  # rows that are taken at once, so that other processes get some, too

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._reset()

    def _reset(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []
        self._lease = ""
        self._ended = threading.Event()

    @abstractmethod
    def _wanted(self) -> Iterable[Any]:
        """Rows that somebody has to attend to, whoever holds them."""

    @abstractmethod
    def _name(self, row: Any) -> Any:
        """What `start` tells of a row that was taken."""

    @abstractmethod
    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop's thread: until the loop is stopped."""

    @abstractmethod
    def _write_for_ever(self) -> None:
        """The writing thread: until `_ended`; renews the leases, and stops the loop at its end."""

    def start(self) -> list[Any]:
        """Takes what nobody has; which."""
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()  # forked: the parent's threads did not come along
                self._reset()
            if not self._lease:
                self._lease = leases.own_text()
            taken = self._take()
            if taken and not any(thread.is_alive() for thread in self._threads):
                self._begin()
        return taken

    def stop(self) -> None:
        """Ends it and lets the leases go (for tests and a clean exit)."""
        with self._lock:
            if self._pid != os.getpid() or not self._threads:
                return
            self._ended.set()
            for thread in self._threads:
                thread.join(30)
            self._mine().update(lease="", lease_until=None)
            self._reset()

    def _mine(self) -> Any:
        return self.model._default_manager.filter(lease=self._lease)

    def _take(self) -> list[Any]:
        taken: list[Any] = []
        for row in self._wanted():
            if self.most is not None and len(taken) >= self.most:
                break
            if row.lease != self._lease and leases.take_over(row, self._lease):
                taken.append(self._name(row))
        return taken

    def _begin(self) -> None:
        self._loop = asyncio.new_event_loop()
        listening = threading.Thread(target=self._listen, args=(self._loop,), name=self.threads[0], daemon=True)
        writing = threading.Thread(target=self._write_for_ever, name=self.threads[1], daemon=True)
        self._threads = [listening, writing]
        for thread in self._threads:
            thread.start()

    def _renew_leases(self) -> None:
        self._mine().update(lease_until=leases.until())
