"""Who works on a build: a lease that is renewed while it works; only its holder writes.

A process that dies stops renewing, its lease ends, and the sweep hands the build to another one.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Max, Q
from django.utils import timezone

from builds.masking import Masker
from builds.models import Build, BuildLine
from builds.outcomes import Cancelled, LeaseLost
from xqplatform import live

log = logging.getLogger(__name__)
LEASE = 20.0  # seconds that a holder may be silent
RENEW = 4.0
TICK = 0.08  # seconds between two looks at what there is to write: a line is on the page within 0.2 s
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
_LONGEST_LINE = 20_000
_MOST_LINES = 200_000
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def claim(pk: int) -> Build | None:
    """The build with a new lease, or None when there is nothing to do or somebody else has it."""
    now = timezone.now()
    mine = uuid.uuid4().hex
    free = Q(lease="") | Q(lease_until__lt=now)
    due = Q(retry_at=None) | Q(retry_at__lte=now)
    won = Build.objects.filter(free, due, pk=pk, state__in=Build.ACTIVE).update(
        lease=mine, lease_until=now + timedelta(seconds=LEASE)
    )
    if won != 1:
        return None
    return Build.objects.select_related("project", "blueprint", "host").get(pk=pk)


class Holder:
    """Writes of one build's runner: state, log lines and progress, as long as the lease is its own.

    Used as a context manager: a thread beside the work renews the lease, saves the lines, and sees a cancel; `on_stop`
    (what breaks the work off) is then called from that thread.
    """

    def __init__(self, build: Build, masker: Masker) -> None:
        self.build = build
        self.lease = build.lease
        self.mask = masker
        self.on_stop: Callable[[], None] | None = None
        self.cancelled = self.lost = False
        self.step, self.step_text = 0, ""
        self.progress: dict[str, Any] = dict(build.progress)
        self._progress_saved = self.progress
        self._number = BuildLine.objects.filter(build=build).aggregate(n=Max("number"))["n"] or 0
        self._partial = ""
        self._waiting: list[BuildLine] = []
        self._guard = threading.Lock()
        self._flushing = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beside, name=f"build-{build.pk}", daemon=True)

    def __enter__(self) -> Holder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def rest(self) -> None:
        """Ends the thread: what follows is written here alone, in one transaction, well within the lease."""
        self._end.set()
        self._thread.join()

    def check(self) -> None:
        """Raises Cancelled or LeaseLost when the work must stop."""
        if self.lost:
            raise LeaseLost
        if self.cancelled:
            raise Cancelled

    def write(self, **fields: Any) -> None:
        """Changes the row. Raises LeaseLost when it is somebody else's by now."""
        with self._flushing:
            if Build.objects.filter(pk=self.build.pk, lease=self.lease).update(**fields) != 1:
                self.lost = True
                raise LeaseLost
        for name, value in fields.items():
            setattr(self.build, name, value)

    def output(self, text: str) -> None:
        """Takes what the engine says, in pieces as they come; whole lines are masked and kept."""
        with self._guard:
            *lines, self._partial = (self._partial + text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
            if len(self._partial) > _LONGEST_LINE:
                lines.append(self._partial)
                self._partial = ""
            for line in lines:
                self._add(line)

    def say(self, text: str) -> None:
        """A line of the platform's own."""
        with self._guard:
            if self._partial:
                self._add(self._partial)
                self._partial = ""
            self._add(text)

    def _add(self, line: str) -> None:
        line = _COLOURS.sub("", line).replace("\0", "")
        found = _STEP.match(line)
        if found:
            self.step, self.step_text = int(found[1]), self.mask(found[3])[:500]
            self.progress = {**self.progress, "step": self.step, "steps": int(found[2])}
        self._number += 1
        if self._number > _MOST_LINES:
            return
        text = self.mask(line)
        if len(text) > _LONGEST_LINE:
            text = text[:_LONGEST_LINE] + " …"
        self._waiting.append(
            BuildLine(build=self.build, number=self._number, step=self.step, text=text, time=timezone.now())
        )

    def flush(self, *, last: bool = False) -> None:
        """Saves what waits. Raises LeaseLost."""
        with self._flushing:
            with self._guard:
                if last and self._partial:
                    self._add(self._partial)
                    self._partial = ""
                lines, self._waiting = self._waiting, []
                progress = self.progress
            if not lines and progress == self._progress_saved:
                return
            try:
                if not Build.objects.filter(pk=self.build.pk, lease=self.lease).update(progress=progress):
                    self.lost = True
                    raise LeaseLost
                # A number that is there already was saved by a try whose answer got lost.
                BuildLine.objects.bulk_create(lines, batch_size=500, ignore_conflicts=True)
            except DatabaseError:
                with self._guard:
                    self._waiting = lines + self._waiting
                raise
            self._progress_saved = progress
            live.bump(f"build:{self.build.pk}")

    def _beside(self) -> None:
        renewed = looked = time.monotonic()
        try:
            while not self._end.wait(TICK):
                try:
                    self.flush()
                    now = time.monotonic()
                    if now - looked > 0.4:
                        looked = now
                        if self._asked_to_stop(renew=now - renewed > RENEW):
                            self._stop()
                        if now - renewed > RENEW:
                            renewed = now
                except LeaseLost:
                    self._stop()
                    return
                except DatabaseError as error:
                    log.warning("Build %s: the database is away: %s", self.build.pk, error)
                    if time.monotonic() - renewed > LEASE:
                        self.lost = True
                        self._stop()
                        return
        finally:
            connection.close()

    def _asked_to_stop(self, *, renew: bool) -> bool:
        mine = Build.objects.filter(pk=self.build.pk, lease=self.lease)
        if renew:
            mine.update(lease_until=timezone.now() + timedelta(seconds=LEASE))
        found = mine.values_list("cancel_requested", flat=True).first()
        if found is None:
            self.lost = True
            raise LeaseLost
        self.cancelled = self.cancelled or bool(found)
        return self.cancelled

    def _stop(self) -> None:
        stop = self.on_stop
        if stop is not None:
            try:
                stop()
            except Exception:  # whatever the library says: the connection is gone, which is what was wanted
                log.debug("Build %s: breaking off", self.build.pk, exc_info=True)
