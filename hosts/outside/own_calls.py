"""Notes what the platform itself asks of engines, before it does: so that whoever hears of it later, in any process, knows.

Notes are written by a thread of their own, within moments: no call to an engine waits for the database. What could not be
noted (too much waited, or the database refuses the note itself) is counted, and told in the audit log once notes can be written
again: what those calls did may stand there as somebody else's.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connections, transaction

from hosts.outside import shape
from xqplatform import audit
from xqplatform.accounts.actor import Actor

log = logging.getLogger(__name__)
MOST = 20_000  # notes that wait for a database that is away
KEEP = 3 * 3600.0  # seconds that a note is kept
TIDY = 300.0
IDLE = 2.0  # seconds without a call after which the connection is given back: to open one costs more than a note
SAY = 60.0  # seconds between two lines of what could not be noted
# The note itself is what the database does not take; any other error is the database's, and is waited for.
REFUSED = (DataError, IntegrityError, ValueError, TypeError, OverflowError)
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
        self.lost: Counter[str] = Counter()  # host → calls without a note, not told yet
        self._said = -SAY

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
                self._pid, self._waiting, self.lost = os.getpid(), queue.Queue(), Counter()
                threading.Thread(
                    target=self._write_for_ever, args=(self._waiting,), name="own calls", daemon=True
                ).start()
        if self._waiting.qsize() < MOST:
            self._waiting.put((mark, values))
        elif "where" in values:  # (a call without its end counts as under way for a while: nothing is lost by it)
            self._lose({values["where"]: 1}, "too many wait for the database")

    def _lose(self, calls: Mapping[str, int], why: str) -> None:
        with self._lock:
            self.lost.update(calls)
            total, silent = self.lost.total(), time.monotonic() - self._said < SAY
            if not silent:
                self._said = time.monotonic()
        if not silent:
            log.warning("%d own calls could not be noted: %s", total, why)

    def flush(self, notes: dict[str, dict[str, Any]]) -> None:
        """Writes them, and tells what could not be noted. Raises DatabaseError or InterfaceError while the database is away."""
        if refused := write(notes):
            found = Counter(str(notes.pop(mark)["where"]) for mark in refused)
            self._lose(found, f"the database refuses them: {next(iter(refused.values()))}")
        with self._lock:
            told = dict(self.lost)
        if told:
            tell_lost(told)
            with self._lock:
                self.lost -= Counter(told)

    def _write_for_ever(self, waiting: queue.Queue[tuple[str, dict[str, Any]]]) -> None:
        tidied = 0.0
        while True:
            notes: dict[str, dict[str, Any]] = {}
            try:
                mark, values = waiting.get(timeout=IDLE)
            except queue.Empty:
                connections.close_all()
                mark, values = waiting.get()
            notes[mark] = values
            while not waiting.empty():
                mark, values = waiting.get()
                notes.setdefault(mark, {}).update(values)
            while True:
                try:
                    self.flush(notes)
                    if time.monotonic() - tidied > TIDY:
                        tidied = time.monotonic()
                        tidy()
                    break
                except (DatabaseError, InterfaceError) as error:
                    log.warning("Own calls are written when the database is back: %s", error)
                    connections.close_all()
                    time.sleep(1)


def write(notes: Mapping[str, Mapping[str, Any]]) -> dict[str, Exception]:
    """New notes as rows; the ends of others into theirs. Which ones the database refuses, and why. Safe to repeat."""
    from hosts.models import OwnCall

    rows = [OwnCall(mark=mark, **values) for mark, values in notes.items() if "verb" in values]
    refused: dict[str, Exception] = {}
    try:
        with transaction.atomic():
            OwnCall.objects.bulk_create(rows, ignore_conflicts=True)
    except REFUSED:
        for row in rows:  # one that is refused stands in nobody's way
            try:
                with transaction.atomic():
                    OwnCall.objects.bulk_create([row], ignore_conflicts=True)
            except REFUSED as error:
                refused[row.mark] = error
    ends = {mark: values for mark, values in notes.items() if "verb" not in values}
    if ends:
        with transaction.atomic():
            for mark, values in ends.items():
                OwnCall.objects.filter(mark=mark).update(**values)
    return refused


def tell_lost(calls: Mapping[str, int]) -> None:
    """One event a host with how many calls have no note."""
    from hosts.models import Host

    hosts = {host.name: host for host in Host.objects.filter(name__in=[name for name in calls if "\x00" not in name])}
    with transaction.atomic():
        for name, count in calls.items():
            audit.record(
                Actor.system("own calls"),
                "outside.unsure",
                hosts.get(name),
                name=shape.plain(name),
                after={"count": count},
            )


def tidy() -> None:
    from hosts.models import OwnCall

    OwnCall.objects.filter(began__lt=time.time() - KEEP).delete()


NOTES = Notes()
begin, end = NOTES.begin, NOTES.end
