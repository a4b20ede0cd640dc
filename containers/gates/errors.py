"""How many lines of a log say that something is wrong: read from engines, and of what went from what was kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.utils import translation

from containers.gates.judge import NOTHING, Measured
from containers.keeping_logs import lines_of, moment_of
from containers.logs.levels import ERROR, level_of
from containers.logs.reader import open_log
from containers.logs.sources import Vessel, kept_of, vessels_of
from containers.logs.text import shown
from containers.models import KeptLog
from hosts.engine import EngineError, LogLine

SECONDS = 8.0  # that one engine may take
AT_ONCE = 8
MOST = 20_000  # lines of an instance: the last ones, if there are more
LEAST_SPAN = 1.0  # seconds


@dataclass(frozen=True)
class Read:
    """Error lines a minute; None: it could not be read, and why."""

    rate: float | None = None
    problem: str = ""


def rate_of(lines: Iterable[LogLine], start: float, end: float, *, most: int = MOST, cut: bool = False) -> float | None:
    """Error lines a minute in a range of time (seconds). Where older lines are missing (`cut`, or `most` came) what there
    is counts for the time it covers. A stack trace counts once: its further lines say no level. None: nothing is left of it.
    """
    found, count, first = 0, 0, None
    for line in lines:
        count += 1
        moment = moment_of(line.timestamp)
        at = moment.timestamp() if moment is not None else None
        first = at if first is None else first
        if at is None or start <= at <= end:
            found += level_of(shown(line.text)[0]) >= ERROR
    if (cut or count >= most) and first is not None:
        if first >= end:
            return None
        start = max(start, first)
    return found * 60 / max(LEAST_SPAN, end - start)


def nothing() -> None:
    """Nobody waits for a sign of life."""


def now_of(
    instances: Collection[int], start: float, end: float, alive: Callable[[], None] = nothing
) -> tuple[Measured, str]:
    """The mean of what instances say now. If one cannot be read nothing is known: it may be the one that fails."""
    found = _reads(instances, start, end, alive)
    return _mean(found, strict=True)


def past_of(
    instances: Collection[int], start: float, end: float, alive: Callable[[], None] = nothing
) -> tuple[Measured, str]:
    """The same of a time before: of containers that went their kept lines, of one that stood then what its engine has."""
    kept, standing = [], []
    for pk in instances:
        rows = [row for row in kept_of(pk) if row.first and row.last and row.first.timestamp() <= end <= _end_of(row)]
        if rows:
            kept.append(Read(rate_of(lines_of(rows[-1]), start, end, cut=rows[-1].cut)))
        elif any(_epoch(one.created) <= start for one in vessels_of(pk)):
            standing.append(pk)
    return _mean([*kept, *_reads(standing, start, end, alive)], strict=False)


def _reads(instances: Collection[int], start: float, end: float, alive: Callable[[], None]) -> list[Read]:
    """What each instance's container says, from its engine, side by side. `alive` is called after each: many take their time."""
    vessels = {pk: vessels_of(pk) for pk in instances}  # rows, before any engine is asked
    language = translation.get_language() or "en"

    def work(pk: int) -> Read:
        with translation.override(language):
            return _read(vessels[pk][-1], start, end) if vessels[pk] else Read()

    with ThreadPoolExecutor(max(1, min(AT_ONCE, len(vessels))), thread_name_prefix="gate-log") as pool:
        found = []
        for one in pool.map(work, vessels):
            alive()
            found.append(one)
        return found


def _read(vessel: Vessel, start: float, end: float) -> Read:
    try:
        stream: Any = open_log(vessel, MOST, f"{max(0.0, start):.9f}", False)
        alarm = threading.Timer(SECONDS, stream.stop)
        alarm.daemon = True
        alarm.start()
        try:
            rate = rate_of(stream, start, end)
            late = bool(stream.stopped)
        finally:
            alarm.cancel()
            stream.stop()
            stream.close()
    except EngineError as error:
        words = (error.words or error.message).replace("\x00", "")
        return Read(None, f"{vessel.host}: {words}")
    return Read(None, f"{vessel.host}: > {SECONDS:g} s") if late else Read(rate)


def _end_of(row: KeptLog) -> float:
    """Until when a kept log tells: until its container was removed."""
    return row.taken.timestamp()


def _epoch(stamp: str) -> float:
    moment = moment_of(stamp)
    return moment.timestamp() if moment is not None else 0.0


def _mean(found: Collection[Read], *, strict: bool) -> tuple[Measured, str]:
    problems = "; ".join(dict.fromkeys(one.problem for one in found if one.problem))[:500]
    rates = [one.rate for one in found if one.rate is not None]
    if not rates or (strict and len(rates) < len(found)):
        return NOTHING, problems
    return Measured(sum(rates) / len(rates), None), problems
