"""Lines of the past: the last ones, those before a moment, those around it; from engines and from what was kept."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from containers.keeping_logs import lines_of
from containers.logs import reader
from containers.logs.filters import Filter
from containers.logs.reader import Lines
from containers.logs.sources import Source, Vessel, kept_of, vessels_of
from containers.logs.text import Line, engine_time
from hosts.engine import EngineError

SECONDS = 10.0  # that all engines together may take
AT_ONCE = 12  # engines that are asked side by side
MINUTE = 60 * 10**9
# How far back it is looked for enough lines before a moment: engines find a time range fast, but not «n lines before».
BACK = (MINUTE // 6, 2 * MINUTE, 30 * MINUTE, 6 * 60 * MINUTE, None)


@dataclass
class Found:
    """Lines by time; `problems`: what could not be read, in words; `more`: there are likely more before the first."""

    lines: list[Line] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    more: bool = False


@dataclass(frozen=True)
class Place:
    """One instance with what there is of it: read from rows before any engine is asked."""

    source: Source
    vessels: list[Vessel]
    kept: list[Line]


def last(sources: list[Source], count: int, wanted: Filter, scanned: int) -> Found:
    """The last lines of all of them together. `scanned`: how many of each are looked through where there is a filter."""

    def of_one(one: Place, look: Look) -> list[Line]:
        got: deque[Line] = deque(maxlen=count)
        lines = Lines(one.source.number, wanted)
        for vessel in one.vessels:
            got.extend(look.read(vessel, lines, scanned if wanted.any else count, None, None))
        return list(got)

    found = _together([Place(one, vessels_of(one.instance), []) for one in sources], of_one)
    found.more = len(found.lines) >= count
    found.lines = found.lines[-count:] if count else []
    return found


def before(sources: list[Source], stamp: str, count: int, wanted: Filter) -> Found:
    """The last lines before a moment (a normal stamp), also of containers that went."""

    def of_one(one: Place, look: Look) -> list[Line]:
        got: deque[Line] = deque(maxlen=count)
        for back in BACK:
            got.clear()
            lines = Lines(one.source.number, wanted)
            for vessel in one.vessels:
                since = engine_time(stamp, -back) if back is not None else None
                until = engine_time(stamp, -1)
                got.extend(line for line in look.read(vessel, lines, None, since, until) if line.stamp < stamp)
            if len(got) >= count or look.over or not one.vessels:
                break
        first = got[0].stamp if got else stamp
        return [*(line for line in one.kept if line.stamp < first), *got][-count:]

    places = [Place(one, vessels_of(one.instance), _kept(one, wanted, until=stamp)) for one in sources]
    found = _together(places, of_one)
    found.more = len(found.lines) >= count
    found.lines = found.lines[-count:]
    return found


def after(sources: list[Source], stamp: str, count: int, wanted: Filter) -> Found:
    """The first lines from a moment on."""

    def of_one(one: Place, look: Look) -> list[Line]:
        lines, got = Lines(one.source.number, wanted), one.kept[:count]
        for vessel in one.vessels:
            for line in look.read(vessel, lines, None, engine_time(stamp), None):
                got.append(line)
                if len(got) >= count:
                    return got
        return got

    found = _together(
        [Place(one, vessels_of(one.instance), _kept(one, wanted, since=stamp)) for one in sources], of_one
    )
    found.lines = found.lines[:count]
    return found


def _kept(one: Source, wanted: Filter, *, since: str = "", until: str = "") -> list[Line]:
    """What is kept of the instance's earlier containers, of such times."""
    lines, found = Lines(one.number, wanted), []
    for row in kept_of(one.instance):
        made = (lines.line(said) for said in lines_of(row) if said.timestamp)
        found += [
            line for line in made if line is not None and line.stamp >= since and (not until or line.stamp < until)
        ]
    return sorted(found, key=lambda line: line.stamp)


class Look:
    """One look at many engines: it ends after SECONDS, and says what it could not read."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.until = time.monotonic() + seconds
        self.problems: list[str] = []
        self._streams: set[Any] = set()
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def read(
        self, vessel: Vessel, lines: Lines, tail: int | None, since: str | None, until: str | None
    ) -> Iterator[Line]:
        """The lines that the filter wants, until the time is over."""
        left = self.until - time.monotonic()
        if left <= 0:
            return
        try:
            stream = reader.open_log(vessel, tail, since, False, until)
            alarm = threading.Timer(left, stream.stop)
            alarm.daemon = True
            alarm.start()
            try:
                for one in stream:
                    line = lines.line(one)
                    if line is not None:
                        yield line
            finally:
                alarm.cancel()
                stream.stop()
                stream.close()
        except EngineError as error:
            if error.kind != "not_found":
                self.say(error.words or error.message)
            return
        if self.over:
            self.say(_("%(host)s took too long; what came until then is shown.") % {"host": vessel.host})

    def say(self, words: str) -> None:
        with self._lock:
            if words not in self.problems:
                self.problems.append(words)


def _together(places: list[Place], of_one: Callable[[Place, Look], list[Line]]) -> Found:
    """The same of many instances, side by side, by time."""
    look, language = Look(), translation.get_language() or "en"

    def work(one: Place) -> list[Line]:
        with translation.override(language):
            return of_one(one, look)

    if len(places) == 1:
        parts = [of_one(places[0], look)]
    else:
        with ThreadPoolExecutor(min(AT_ONCE, len(places) or 1), thread_name_prefix="log-look") as pool:
            parts = list(pool.map(work, places))
    lines = sorted((line for part in parts for line in part), key=lambda line: line.stamp)
    return Found(lines, look.problems)
