"""One instance's log, read in a thread: through restarts and replacements of its container, without doubles or gaps."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from containers.keeping_logs import lines_of
from containers.logs.filters import Filter
from containers.logs.levels import UNKNOWN, continues, level_of
from containers.logs.mailbox import Mailbox
from containers.logs.sources import Source, Vessel, kept_of, own_connection, vessels_of
from containers.logs.text import ERR, NOTE, OUT, Line, engine_time, nanos, normal, of_nanos, shown
from hosts import engine
from hosts.engine import LogLine
from xqplatform.secrets.masking import Masker

log = logging.getLogger(__name__)
OVERLAP = 2 * 10**9  # nanoseconds read again: lines of both channels are not stored in the exact order of their times
MOST_BACK = 20_000  # lines that a reader that goes on catches up on
PAUSES = (0.5, 1.0, 2.0, 5.0)  # seconds until it looks again, while nothing runs or its host is away


def open_log(vessel: Vessel, tail: int | None, since: str | None, follow: bool, until: str | None = None) -> Any:
    """The engine's stream, without the values of secrets. Raises EngineError."""
    stream = engine.connect(vessel.host).logs(vessel.engine_id, tail=tail, since=since, follow=follow, until=until)
    return Hiding(stream, vessel.hide)


class Hiding:
    """A log's stream whose lines do not show secrets. All that reads engines' logs for people reads it through this."""

    def __init__(self, stream: Any, hide: Masker) -> None:
        self._stream = stream
        self._hiding = {channel: hide.stream() for channel in ("stdout", "stderr")}

    def __iter__(self) -> Iterator[LogLine]:
        return map(self._hidden, self._stream)

    def _hidden(self, line: LogLine) -> LogLine:
        return line._replace(text=self._hiding[line.stream].feed(line.text, last=not line.goes_on))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Lines:
    """Makes lines for the page of what an engine says: levels, with stack traces as bad as what they belong to."""

    def __init__(self, number: int, wanted: Filter) -> None:
        self.number, self.filter = number, wanted
        self.last = ""  # the latest stamp
        self._levels = {OUT: UNKNOWN, ERR: UNKNOWN}

    def line(self, one: LogLine) -> Line | None:
        """The line, or None where the filter does not want it."""
        stamp = normal(one.timestamp) or self.last or of_nanos(0)
        self.last = max(self.last, stamp)
        channel = ERR if one.stream == "stderr" else OUT
        text, cut = shown(one.text)
        level = level_of(text)
        if level == UNKNOWN and continues(text):
            level = self._levels[channel]
        self._levels[channel] = level
        return Line(self.number, stamp, channel, level, text, cut) if self.filter.takes(text, level) else None


class Reader(threading.Thread):
    """Follows one instance until it is stopped. Whatever goes wrong is a note among its lines."""

    def __init__(
        self, source: Source, box: Mailbox, wanted: Filter, *, tail: int, known: str = "", overlap: int = OVERLAP
    ) -> None:
        """`tail`: lines of what was; `known`: the stamp of the last line that the other side has (then no tail counts).

        `overlap`: nanoseconds before `known` that are sent again, to somebody who leaves out what he has; 0: only later ones.
        """
        super().__init__(daemon=True, name=f"log-{source.instance}")
        self.source, self.box, self.tail, self.known, self.overlap = source, box, tail, known, overlap
        self.lines = Lines(source.number, wanted)
        self.lines.last = known
        self.language = translation.get_language() or "en"
        self.stopped = threading.Event()
        self._stream: Any = None
        self._begun: set[str] = set()  # engine ids of which lines came
        self._told: set[str] = set()  # those that a note has named
        self._done: set[str] = set()  # those whose log came to an end
        self._recent: deque[tuple[str, str, int]] = deque()  # what came within the last OVERLAP
        self._skipped = 0
        self._complaint = ""

    def run(self) -> None:
        with translation.override(self.language):
            try:
                if self.known:
                    self._from_kept()
                self._follow_all()
            except Exception as error:
                if not self.stopped.is_set():
                    log.exception("%s: reading broke off", self.name)
                    self._note(str(error) or type(error).__name__)

    def stop(self) -> None:
        self.stopped.set()
        stream = self._stream
        if stream is not None:
            stream.stop()

    # --- One container after the other ---------------------------------------------------------------------------

    def _follow_all(self) -> None:
        idle = 0
        while not self.stopped.is_set():
            with own_connection():
                vessels = vessels_of(self.source.instance)
            fresh = [one for one in vessels if one.engine_id not in self._done]
            chosen = fresh[0] if fresh else vessels[-1] if vessels else None
            if chosen is None:
                self._complain(_("No container runs here now."))
            came = self._follow(chosen) if chosen is not None else 0
            idle = 0 if came else min(idle + 1, len(PAUSES) - 1)
            if not came or len(fresh) < 2:
                self.stopped.wait(PAUSES[idle])

    def _follow(self, vessel: Vessel) -> int:
        """Follows it to its end; how many new lines came."""
        new, first = vessel.engine_id not in self._begun, not self._begun
        if new and not first and vessel.engine_id not in self._told:
            self._told.add(vessel.engine_id)
            self._note(_("A new container goes on here: %(id)s.") % {"id": vessel.engine_id[:12]})
        # Of a container that comes after another all is wanted; of one that is followed again what is not there yet.
        again = bool(self.lines.last) and (not new or (first and bool(self.known)))
        had = set(self._recent)
        since = engine_time(self.lines.last, -OVERLAP if had or self.overlap else 1) if again else None
        tail = self.tail if first and not self.known else MOST_BACK
        gap_from = self.known if self.overlap and again and first and vessel.created < self.known else ""
        came = 0
        try:
            self._stream = open_log(vessel, tail, since, True)
            if self.stopped.is_set():
                self._stream.stop()
            for one in self._stream:
                self._complaint = ""
                self._begun.add(vessel.engine_id)
                if gap_from:
                    self._gap(gap_from, normal(one.timestamp))
                    gap_from = ""
                if since is not None and _key(one) in had:
                    continue
                came += 1
                if not self._put(one):
                    return came
            self._done.add(vessel.engine_id)
            if came and not self.stopped.is_set():
                self._note(_("The container %(id)s has ended its log.") % {"id": vessel.engine_id[:12]})
        except engine.EngineError as error:
            if error.kind == "not_found":
                self._done.add(vessel.engine_id)
            self._complain(error.words or error.message)
        finally:
            stream, self._stream = self._stream, None
            if stream is not None:
                stream.close()
        return came

    def _from_kept(self) -> None:
        """What was missed of containers that went meanwhile stands in their rows."""
        with own_connection():
            rows = [row for row in kept_of(self.source.instance) if row.last and _stamp_of(row.last) >= self.known[:26]]
            texts = [lines_of(row) for row in rows]
        for row, kept in zip(rows, texts, strict=True):
            self._begun.add(row.engine_id)
            self._done.add(row.engine_id)
            lines = [one for one in kept if normal(one.timestamp) > self.known]
            if row.cut and lines and len(lines) == row.lines:
                self._gap(self.known, normal(lines[0].timestamp))
            for one in lines:
                self._put(one)

    # --- One line ------------------------------------------------------------------------------------------------

    def _put(self, one: LogLine) -> bool:
        if self.stopped.is_set() or self.box.closed:
            return False
        line = self.lines.line(one)
        self._remember(one)
        if line is None:
            return True
        if self._skipped and not self._tell_skipped():
            self._skipped += 1
            return True
        if not self.box.put(line, 0 if self._skipped else 3.0):
            self._skipped += 1
        return not self.box.closed

    def _tell_skipped(self) -> bool:
        words = _("%(n)d lines were skipped here: they came faster than they could be shown.") % {"n": self._skipped}
        told = self.box.put(self._line(words), 0)
        if told:
            self._skipped = 0
        return told

    def _remember(self, one: LogLine) -> None:
        self._recent.append(_key(one))
        if len(self._recent) > MOST_BACK or len(self._recent) % 256 == 0:
            self._forget()

    def _forget(self) -> None:
        try:
            edge = of_nanos(nanos(self.lines.last) - OVERLAP)
        except ValueError:
            edge = ""
        while self._recent and (len(self._recent) > MOST_BACK or self._recent[0][1] < edge):
            self._recent.popleft()

    def _gap(self, since: str, until: str) -> None:
        if until > since:
            words = _("Lines between %(since)s and %(until)s are not shown: there were too many, or they are gone.")
            self._note(words % {"since": since[11:23], "until": until[11:23]})

    def _complain(self, words: str) -> None:
        """A note that is not repeated with every try."""
        if words != self._complaint:
            self._complaint = words
            self._note(words)

    def _note(self, words: str) -> None:
        self.box.put(self._line(words), always=True)

    def _line(self, words: str) -> Line:
        stamp = self.lines.last or of_nanos(int(timezone.now().timestamp() * 1e9))
        return Line(self.source.number, stamp, NOTE, UNKNOWN, words)


def _key(one: LogLine) -> tuple[str, str, int]:
    """By what a line is known again; its text may be long."""
    return one.stream, normal(one.timestamp), hash(one.text)


def _stamp_of(moment: Any) -> str:
    """A stored time in the form of stamps, to microseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"
