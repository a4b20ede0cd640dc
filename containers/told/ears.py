"""Reading and hearing in this process: one event loop, and one thread that writes, renews the leases and looks who there is.

The work is divided into shares, rows of `Ear`. The beat has some worker take what nobody has; a process that dies leaves its shares
to the next one that is asked.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.models import Ear
from containers.told import outcomes
from containers.told.listener import Listener
from containers.told.scraper import Outcome, Scraper
from containers.told.targets import SHARES, Endpoints, senders, targets
from xqplatform import metrics
from xqplatform.duty import RENEW, Duty
from xqplatform.metrics import Sample

log = logging.getLogger(__name__)
FLUSH = 1.0  # seconds between two writes
LOOK = 10.0  # seconds between two looks who there is
A_TIME = 2  # shares that a process takes at once, so that others get some, too
WAITING = 100_000  # samples that wait for the database at most
STATSD = "statsd"
BEAT = "beat"  # a row that says when the schedule was last carried out
BEAT_EVERY = timedelta(seconds=9)


def tick() -> float:
    return max(10.0, float(getattr(settings, "METRICS_INTERVAL", 10)))


def wanted_shares() -> list[str]:
    return [f"read-{n}" for n in range(SHARES)] + ([STATSD] if settings.STATSD_PORT else [])


def note_beat() -> None:
    """The schedule was carried out now."""
    now = timezone.now()
    if not Ear.objects.filter(name=BEAT, at__gt=now - BEAT_EVERY).exists():
        Ear.objects.update_or_create(name=BEAT, defaults={"at": now})


class Ears(Duty):
    """One a process."""

    model = Ear
    threads = ("applications", "what applications tell")
    most = A_TIME

    def _reset(self) -> None:
        super()._reset()
        self._ready = threading.Event()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._pushed: queue.SimpleQueue[list[Sample]] = queue.SimpleQueue()
        self._samples: list[Sample] = []
        self._shares: set[str] = set()
        self._endpoints = Endpoints()
        self._notes = outcomes.Notes()
        self._scraper: Scraper | None = None
        self._listener: Listener | None = None
        self._trouble = ""  # why nothing is heard
        self.lost = 0

    def _wanted(self) -> list[Ear]:
        names = wanted_shares()
        there = set(Ear.objects.filter(name__in=names).values_list("name", flat=True))
        Ear.objects.bulk_create([Ear(name=name) for name in names if name not in there], ignore_conflicts=True)
        return sorted(Ear.objects.filter(name__in=names), key=lambda row: names.index(row.name))

    def _name(self, row: Ear) -> str:
        return row.name

    def _begin(self) -> None:
        self._ready.clear()
        super()._begin()

    # --- The loop ----------------------------------------------------------------------------------------------------

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        self._scraper = Scraper(self._outcomes.put, tick())
        reading = loop.create_task(self._scraper.run())
        self._ready.set()
        try:
            loop.run_forever()
            if self._listener is not None:
                self._listener.close()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.gather(reading, return_exceptions=True))
        finally:
            loop.close()

    async def _hear(self, wanted: bool) -> None:
        """Opens or closes the port, as the share of it is this process's or not."""
        if wanted and self._listener is None:
            listener = Listener(self._pushed.put, tick())
            try:
                await listener.open(settings.STATSD_HOST, settings.STATSD_PORT)
            except OSError as error:
                self._trouble = _("Port %(port)d cannot be listened on: %(why)s") % {
                    "port": settings.STATSD_PORT,
                    "why": error.strerror or error,
                }
                return
            self._trouble, self._listener = "", listener
            self._flushing = asyncio.ensure_future(listener.run())
        elif not wanted and self._listener is not None:
            self._flushing.cancel()
            self._listener.close()
            self._listener = None

    # --- The thread that writes --------------------------------------------------------------------------------------

    def _write_for_ever(self) -> None:
        renewed = looked = float("-inf")
        self._ready.wait(10)
        while True:
            try:
                self._gather()
                now = time.monotonic()
                if now - renewed >= RENEW:
                    close_old_connections()
                    changed = self._renew()
                    renewed = now
                    if changed or now - looked >= LOOK:
                        self._look()
                        looked = now
                self._write()
            except DatabaseError as error:
                log.warning("What applications tell waits for the database (%s samples): %s", len(self._samples), error)
            except Exception:  # a thread that died of it would lose everything
                log.exception("What applications tell could not be taken in, trying again")
            if self._ended.wait(FLUSH):
                break
        try:
            self._gather()
            self._write()
        except DatabaseError as error:
            log.warning("What applications told last is lost: %s", error)
        finally:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
            connections.close_all()

    def _renew(self) -> bool:
        """Renews the leases; whether there are other shares now."""
        mine, now = self._mine(), timezone.now()
        self._renew_leases()
        shares = set(mine.values_list("name", flat=True)) & set(wanted_shares())
        if STATSD in shares:
            counts = self._listener.counts if self._listener is not None else {}
            mine.filter(name=STATSD).update(at=now, counts=counts, trouble=self._trouble)
        changed, self._shares = shares != self._shares, shares
        return changed

    def _look(self) -> None:
        """Tells the loop whom to read and to hear."""
        loop, scraper = self._loop, self._scraper
        if loop is None or scraper is None:
            return
        mine = {int(name.removeprefix("read-")) for name in self._shares if name.startswith("read-")}
        loop.call_soon_threadsafe(scraper.assign, targets(self._endpoints, mine))
        hear = STATSD in self._shares
        asyncio.run_coroutine_threadsafe(self._hear(hear), loop).result(10)
        if hear and self._listener is not None:
            loop.call_soon_threadsafe(self._listener.assign, senders())

    def _gather(self) -> None:
        """Takes what came out of the queues, which have no bounds, also while the database is away."""
        while not self._outcomes.empty():
            outcome = self._outcomes.get()
            self._notes.take(outcome)
            if outcome.sample is not None:
                self._samples.append(outcome.sample)
        while not self._pushed.empty():
            self._samples += self._pushed.get()
        if len(self._samples) > WAITING:
            self.lost += len(self._samples) - WAITING
            self._samples = self._samples[-WAITING:]

    def _write(self) -> None:
        if self._samples:
            metrics.write(self._samples)
            self._samples = []
        self._notes.write()


EARS = Ears()
