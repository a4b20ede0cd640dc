"""Notes what the platform itself asks of engines, before it does: so that whoever hears of it later, in any process, knows.

Notes are written by a thread of their own, within moments: no call to an engine waits for the database.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from hosts.outside import shape

log = logging.getLogger(__name__)
MOST = 20_000  # notes that wait for a database that is away
KEEP = 3 * 3600.0  # seconds that a note is kept
TIDY = 300.0
CONTAINER = re.compile(r"/containers/([^/]+)/(start|stop|restart|kill|pause|unpause|rename|update|exec)")


def verb_of(
    method: str, path: str, params: Mapping[str, Any] | None, body: Mapping[str, Any] | None
) -> tuple[str, str] | None:
    """What a request does, and to what (id or name; empty: whatever it says); None for what changes nothing. Pure."""
    given = params or {}
    if method == "POST":
        if found := CONTAINER.fullmatch(path):
            return found[2], found[1]
        if path == "/containers/create":
            return "create", str(given.get("name") or "")
        if path == "/images/create":
            return "pull", str(given.get("fromImage") or "")
        if path == "/build":
            return "build", ""
        if path == "/networks/create":
            return "network.create", str((body or {}).get("Name") or "")
        if path.startswith("/images/") and path.endswith("/tag"):
            return "tag", ""
    if method == "DELETE":
        _empty, kind, *rest = path.split("/")
        if kind == "containers" and len(rest) == 1:
            return "remove", rest[0]
        if kind == "images":
            return "image.remove", ""
        if kind == "networks" and len(rest) == 1:
            return "network.remove", rest[0]
    return None


class Notes:
    """The notes of this process that are not written yet, and the thread that writes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._waiting: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()

    def begin(
        self, where: str, method: str, path: str, params: Mapping[str, Any] | None, body: Mapping[str, Any] | None
    ) -> str:
        """Notes a call that is about to be made; its mark for `end` (empty: nothing to note)."""
        if not settings.HEAR_OUTSIDE or method == "GET":
            return ""
        found = verb_of(method, path, params, body)
        if found is None:
            return ""
        mark = uuid.uuid4().hex
        values = {"where": where[:250], "verb": found[0], "target": found[1][:250], "began": time.time()}
        if found[0] == "exec":
            values["command"] = shape.digest(" ".join(map(str, (body or {}).get("Cmd") or [])))
        self._put(mark, values)
        return mark

    def end(self, mark: str) -> None:
        if mark:
            self._put(mark, {"ended": time.time()})

    def _put(self, mark: str, values: dict[str, Any]) -> None:
        with self._lock:
            if self._pid != os.getpid():  # the first one of this process; a fork takes no thread along
                self._pid, self._waiting = os.getpid(), queue.Queue()
                threading.Thread(
                    target=self._write_for_ever, args=(self._waiting,), name="own calls", daemon=True
                ).start()
        if self._waiting.qsize() < MOST:
            self._waiting.put((mark, values))

    def _write_for_ever(self, waiting: queue.Queue[tuple[str, dict[str, Any]]]) -> None:
        tidied = 0.0
        while True:
            notes: dict[str, dict[str, Any]] = {}
            mark, values = waiting.get()
            notes[mark] = values
            while not waiting.empty():
                mark, values = waiting.get()
                notes.setdefault(mark, {}).update(values)
            while True:
                try:
                    write(notes)
                    if time.monotonic() - tidied > TIDY:
                        tidied = time.monotonic()
                        tidy()
                    break
                except (DatabaseError, InterfaceError) as error:
                    log.warning("Own calls are written when the database is back: %s", error)
                    time.sleep(1)
                finally:
                    connections.close_all()


def write(notes: Mapping[str, Mapping[str, Any]]) -> None:
    """New notes as rows; the ends of others into theirs."""
    from hosts.models import OwnCall

    OwnCall.objects.bulk_create(
        [OwnCall(mark=mark, **values) for mark, values in notes.items() if "verb" in values], ignore_conflicts=True
    )
    for mark, values in notes.items():
        if "verb" not in values:
            OwnCall.objects.filter(mark=mark).update(**values)


def tidy() -> None:
    from hosts.models import OwnCall

    OwnCall.objects.filter(began__lt=time.time() - KEEP).delete()


NOTES = Notes()
begin, end = NOTES.begin, NOTES.end
