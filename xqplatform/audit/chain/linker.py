"""A thread of this process that links soon after commits; the beat's task does what a dead process left."""

from __future__ import annotations

import logging
import os
import threading
import time

from django.conf import settings
from django.db import DatabaseError, connection, transaction

log = logging.getLogger(__name__)


class Linker:
    """One a process, started by the first event. It sleeps until somebody wakes it, and links what has come together since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._due = threading.Event()
        self._thread: threading.Thread | None = None

    def soon(self) -> None:
        """Called with an event's record: wakes the thread when the transaction has committed."""
        if settings.AUDIT_LINK_AFTER is not None:
            transaction.on_commit(self._wake)

    def _wake(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._reset()  # forked: the parent's thread did not come along
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="audit-linker", daemon=True)
                self._thread.start()
        self._due.set()

    def _run(self) -> None:
        from xqplatform.audit.chain.linking import link

        while self._due.wait():
            time.sleep(settings.AUDIT_LINK_AFTER or 0)
            self._due.clear()
            try:
                link()
            except DatabaseError as error:
                log.warning("Events wait for their link: %s", error)
            finally:
                connection.close()


LINKER = Linker()
