"""All streams of this process: one event loop that listens, one thread that writes and renews the leases.

Each host is read by the process that holds its collector's lease (`xqplatform.leases`). A process that dies leaves its hosts to the
next one that looks (`start`, by the beat); what it had read and not written is in the collectors' logs.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time

from django.db import DatabaseError, close_old_connections, connections
from django.db.models import QuerySet

from hosts.collector.follower import Assignment, Follower, assignment
from hosts.collector.ingest import Ingest
from hosts.models import Collector, Host
from xqplatform import work
from xqplatform.duty import RENEW, Duty

log = logging.getLogger(__name__)
FLUSH = 0.5  # seconds between two writes
OPENING = 40  # connections that are opened at the same time
READ = Collector.READ


class Readers(Duty):
    """One a process."""

    model = Collector
    threads = ("collectors", "measurements")

    def _reset(self) -> None:
        super()._reset()
        self._again = threading.Event()
        self._trouble: queue.SimpleQueue[tuple[int, str, bool]] = queue.SimpleQueue()
        self._followers: dict[int, asyncio.Task[None]] = {}  # the loop's thread only
        self._assigned: dict[int, Assignment] = {}  # the writing thread only
        self.ingest = Ingest(lambda: self._lease, self._again.set)

    def _wanted(self) -> QuerySet[Collector]:
        rows = Collector.objects.filter(state__in=READ).exclude(host__state=Host.State.RETIRED)
        return rows.exclude(lease=self._lease).only("pk", "host_id", "lease", "lease_until")

    def _name(self, row: Collector) -> int:
        return row.host_id

    # --- The loop ----------------------------------------------------------------------------------------------------

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        self._gate = asyncio.Semaphore(OPENING)
        try:
            loop.run_forever()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=10))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _assign(self, gone: set[int], rows: list[Collector], generation: int) -> None:
        """In the loop: reads some no more, and begins with others (anew)."""
        for host in gone | {row.host_id for row in rows}:
            if host in self._followers:
                self._followers.pop(host).cancel()
        for row in rows:
            follower = Follower(row, self.ingest.put, self._troubled, self._gate, generation)
            self._followers[row.host_id] = asyncio.ensure_future(follower.run())

    def _troubled(self, host: int, words: str, gone: bool) -> None:
        self._trouble.put((host, words, gone))

    # --- The thread that writes --------------------------------------------------------------------------------------

    def _write_for_ever(self) -> None:
        renewed = 0.0
        while not self._ended.wait(FLUSH):
            try:
                # First of all, and also while the database is away: what waits has bounds only there.
                self.ingest.work()
                if time.monotonic() - renewed >= RENEW:
                    close_old_connections()
                    self._renew()
                    renewed = time.monotonic()
                self._tell_trouble()
            except Exception as error:  # a thread that died of it would lose every stream
                log.warning("Measurements could not be taken in, trying again: %s", error, exc_info=True)
        try:
            self.ingest.work()
        finally:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
            connections.close_all()

    def _renew(self) -> None:
        mine = self._mine()
        self._renew_leases()
        if self._again.is_set():
            self._again.clear()
            self._assigned.clear()
        there = mine.filter(state__in=READ).exclude(host__state=Host.State.RETIRED)
        fields = there.values_list("host_id", "host__connection_version", "state", "container", "version")
        wanted = {row[0]: Assignment(*row) for row in fields.iterator(2000)}
        gone = set(self._assigned) - set(wanted)
        changed = [host for host, one in wanted.items() if self._assigned.get(host) != one]
        if not gone and not changed:
            return
        rows = list(there.filter(host__in=changed).select_related("host"))
        self._assigned = {
            **{host: one for host, one in self._assigned.items() if host in wanted},
            **{row.host_id: assignment(row) for row in rows},
        }
        for host in gone:
            self.ingest.forget(host)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._assign, gone, rows, self.ingest.generation)

    def _tell_trouble(self) -> None:
        from hosts import tasks

        while not self._trouble.empty():
            host, words, gone = told = self._trouble.get()
            try:
                self._mine().filter(host=host).update(trouble=words)
            except DatabaseError:
                self._trouble.put(told)
                raise
            if gone:
                work.enqueue(tasks.place_collector, host)


READERS = Readers()
