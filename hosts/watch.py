"""One event stream a ready host, in whichever worker process holds its lease.

The lease is a pair of columns of the host's row: its holder renews it every few seconds; when the process dies, another
one takes the host over after `LEASE`. A stream that breaks ends its watcher; the next `watch_all` starts another.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.db.models import Q
from django.utils import timezone

from hosts import engine as edge
from hosts import observe
from hosts.engine import Answer, EngineError
from hosts.models import Host
from hosts.outside import listening
from xqplatform import work

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=45)
RENEW = 5.0  # seconds
# A release brings a dozen events a second: those of one moment are taken in together. Seconds; each moment is twice as
# long as the one before it while events come without a break.
MOMENT, LONGEST = 0.25, 2.0


def me() -> str:
    """This process among all workers of all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _dead(watcher: str) -> bool:
    """Whether the holder was a process of this machine that is gone: nobody need wait for its lease to run out."""
    machine, _colon, pid = watcher.rpartition(":")
    if machine != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class Watcher:
    """The thread that listens to one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.stream: Answer[observe.Json] | None = None
        self.ended = threading.Event()
        self.events: queue.Queue[observe.Json | None] = queue.Queue()
        self.thread = threading.Thread(target=self._run, name=f"watch {host.name}", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.ended.set()
        stream = self.stream
        if stream is not None:
            stream.stop()

    def _run(self) -> None:
        try:
            self._listen()
        except EngineError as error:
            log.info("Events of %s broke off: %s", self.host.name, error.message)
        except Exception:
            log.exception("The watcher of %s failed", self.host.name)
        finally:
            self.ended.set()
            _release(self.host.pk)
            _look_again(self.host.pk)
            connections.close_all()

    def _listen(self) -> None:
        engine = edge.connect(self.host)
        others = [*listening.ACTIONS] if settings.HEAR_OUTSIDE else []
        types = listening.TYPES if others else ["container"]
        with engine.events(types=types, actions=dict.fromkeys([*observe.EVENTS, *others])) as stream:
            self.stream = stream
            if self.ended.is_set():
                return
            outside = listening.listener_of(self.host, engine)
            # Whatever happened before the stream was open is in the inventory that is read now.
            # Not by a refresh that another worker began before: its list may be older than the stream.
            for _attempt in range(40):
                if observe.refresh_host(self.host.pk) or self.ended.wait(0.5):
                    break
            taking = threading.Thread(target=self._take_in, args=(engine, stream), name=f"events {self.host.name}")
            taking.start()
            try:
                for event in stream:
                    if outside is not None:
                        outside.hear(event)
                    if observe.concerns(event):
                        self.events.put(event)
            finally:
                self.events.put(None)
                taking.join()
                if outside is not None:
                    outside.close()

    def _take_in(self, engine: edge.Engine, stream: Answer[observe.Json]) -> None:
        """Takes in what the stream brings, moment by moment; an engine that does not answer ends the stream."""
        try:
            moment, until = MOMENT, 0.0
            while (event := self.events.get()) is not None:
                moment = min(LONGEST, moment * 2) if time.monotonic() < until else MOMENT
                events = [event]
                self.ended.wait(moment)
                over = False
                while not self.events.empty() and not over:
                    more = self.events.get()
                    over = more is None
                    events += [more] if more is not None else []
                if self.ended.is_set():
                    return
                close_old_connections()
                try:
                    observe.heard(self.host, engine, events)
                except DatabaseError:
                    log.exception("Events of %s were not stored; the next refresh makes up for it", self.host.name)
                if over:
                    return
                until = time.monotonic() + moment
        except EngineError as error:
            log.info("Events of %s could not be followed: %s", self.host.name, error.message)
        except Exception:
            log.exception("The watcher of %s failed", self.host.name)
        finally:
            stream.stop()
            connections.close_all()


def _release(host_pk: int) -> None:
    try:
        Host.objects.filter(pk=host_pk, watcher=me()).update(watcher="", watcher_until=None)
    except Exception as error:  # the thread ends here either way
        log.warning("The lease of host %s runs out by itself: %s", host_pk, error)


def _look_again(host_pk: int) -> None:
    """A stream that broke may mean a dead engine: say so at once, not at the next round."""
    from hosts import tasks

    try:
        if Host.objects.filter(pk=host_pk).exclude(state=Host.State.RETIRED).exists():
            work.enqueue(tasks.refresh, host_pk)
    except Exception as error:
        log.warning("Host %s is looked at in the next round: %s", host_pk, error)


class Watch:
    """All watchers of this process, and the thread that renews their leases."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._watchers: dict[int, Watcher] = {}
        self._renewer: threading.Thread | None = None

    def start(self) -> list[str]:
        """Takes every ready host that nobody watches; returns their names."""
        taken = []
        with self._lock:
            if self._pid != os.getpid():
                # Forked: the parent's threads did not come along.
                self._pid, self._watchers, self._renewer = os.getpid(), {}, None
            now = timezone.now()
            for host in Host.objects.filter(state__in=Host.ANSWERING):
                old = self._watchers.get(host.pk)
                if old is not None and not old.ended.is_set():
                    continue
                free = Q(watcher_until=None) | Q(watcher_until__lt=now)
                if host.watcher == me() or _dead(host.watcher):
                    free |= Q(watcher=host.watcher)
                if not Host.objects.filter(free, pk=host.pk).update(watcher=me(), watcher_until=now + LEASE):
                    continue
                self._watchers[host.pk] = Watcher(host)
                self._watchers[host.pk].start()
                taken.append(host.name)
            if self._watchers and (self._renewer is None or not self._renewer.is_alive()):
                self._renewer = threading.Thread(target=self._renew_for_ever, name="watch leases", daemon=True)
                self._renewer.start()
        return taken

    def stop(self) -> None:
        """Ends all watchers of this process (for tests and a clean exit)."""
        with self._lock:
            watchers, self._watchers = list(self._watchers.values()), {}
        for watcher in watchers:
            watcher.stop()
        for watcher in watchers:
            watcher.thread.join(30)

    def _renew_for_ever(self) -> None:
        while True:
            time.sleep(RENEW)
            try:
                if not self.renew():
                    return
            except Exception as error:  # a thread that died of it would lose every lease
                log.warning("Leases could not be renewed, trying again: %s", error)
            finally:
                connections.close_all()

    def renew(self) -> bool:
        """Renews the leases and ends watchers whose host is not theirs any more; False when none is left."""
        with self._lock:
            self._watchers = {pk: w for pk, w in self._watchers.items() if not w.ended.is_set()}
            watchers = dict(self._watchers)
            if not watchers:
                self._renewer = None
                return False
        mine = Host.objects.filter(pk__in=watchers, watcher=me())
        mine.update(watcher_until=timezone.now() + LEASE)
        rows = {host.pk: host for host in mine.only("pk", "state", "connection_version")}
        for pk, watcher in watchers.items():
            row = rows.get(pk)
            if (
                row is None
                or row.state not in Host.ANSWERING
                or row.connection_version != watcher.host.connection_version
            ):
                # A host that was cut off keeps its half of the connection open for hours: let go of it here.
                watcher.stop()
        return True


WATCH = Watch()
