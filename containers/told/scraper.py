"""Reads many endpoints, each once a tick at its own moment of it: in one event loop, nothing waits for anything else.

Who did not answer, or slowly, is asked through a gate of its own and more seldom: quick ones never wait behind it.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from containers.told import http, rates
from containers.told.exposition import Raw, read
from containers.told.names import Wanted
from containers.told.shape import Shape
from containers.told.targets import Target
from xqplatform.metrics.moments import SCRAPER, own_moment
from xqplatform.metrics.points import Sample

log = logging.getLogger(__name__)
QUICK, SLOW = 400, 100  # questions at the same time
SLOW_FROM = 1.0  # seconds
STEP = 0.2
LONGEST_PAUSE = 60.0


@dataclass(slots=True)
class Outcome:
    """One reading. `trouble`: why there was no answer, in words."""

    instance: int
    time: float
    trouble: str = ""
    missing: tuple[str, ...] = ()
    cut: bool = False
    sample: Sample | None = None


@dataclass(slots=True)
class _State:
    target: Target
    due: float
    failures: int = 0
    slow: bool = True  # until it is known to be quick
    task: asyncio.Task[None] | None = None
    before: Mapping[Wanted, Raw] = field(default_factory=dict)
    before_at: float = 0.0
    shape: Shape = field(default_factory=Shape)


class Scraper:
    """`put` takes each outcome, in the loop's thread."""

    def __init__(self, put: Callable[[Outcome], None], tick: float = 10.0, *, seconds: float = http.SECONDS) -> None:
        self._put, self._tick, self._seconds = put, tick, seconds
        self._states: dict[int, _State] = {}
        room = max(20, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3)
        self._quick, self._slow = asyncio.Semaphore(min(QUICK, room)), asyncio.Semaphore(min(SLOW, room // 2))

    def assign(self, targets: Mapping[int, Target]) -> None:
        """From now on these; in the loop's thread."""
        now = time.monotonic()
        for instance in self._states.keys() - targets.keys():
            self._forget(instance)
        for instance, target in targets.items():
            known = self._states.get(instance)
            if known is not None and known.target != target:
                self._forget(instance)
                known = None
            if known is None:
                # Spread over the tick; the golden ratio keeps neighbours apart however many they are.
                self._states[instance] = _State(target, now + (instance * 0.618034) % 1.0 * self._tick)

    def _forget(self, instance: int) -> None:
        state = self._states.pop(instance)
        if state.task is not None:
            state.task.cancel()

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                now = time.monotonic()
                for state in self._states.values():
                    if state.due <= now and state.task is None:
                        state.task = asyncio.ensure_future(self._ask(state))
                await asyncio.sleep(STEP)
        finally:
            for instance in list(self._states):
                self._forget(instance)

    async def _ask(self, state: _State) -> None:
        began = time.monotonic()
        try:
            async with self._slow if state.slow or state.failures else self._quick:
                began = time.monotonic()
                outcome = await self._read(state)
                state.slow = time.monotonic() - began > SLOW_FROM
            state.failures = state.failures + 1 if outcome.trouble else 0
            self._put(outcome)
        except Exception as error:  # of one application; the others go on, and its row says so
            state.failures += 1
            log.exception("The endpoint of instance %s could not be read", state.target.instance)
            words = _("The platform could not read it, by a fault of its own: %(why)s")
            self._put(Outcome(state.target.instance, time.time(), words % {"why": f"{type(error).__name__}: {error}"}))
        finally:
            state.task = None
            state.due = self.next_due(state.due, time.monotonic(), state.failures)

    def next_due(self, due: float, now: float, failures: int) -> float:
        """The same moment of a later tick; after failures of one that is further away."""
        pause = min(self._tick * 2 ** min(max(failures - 1, 0), 6), max(LONGEST_PAUSE, self._tick))
        due += pause
        return due if due > now else due + (now - due) // self._tick * self._tick + self._tick

    async def _read(self, state: _State) -> Outcome:
        target = state.target
        try:
            text = await http.get(target.ip, target.port, target.path, seconds=self._seconds)
        except http.NoAnswer as why:
            return Outcome(target.instance, time.time(), str(why))
        now, at = time.time(), time.monotonic()
        reading = read(text, target.wanted)
        found = rates.values(state.before, reading.found, at - state.before_at)
        state.before, state.before_at = reading.found, at
        missing = tuple(text_of(one) for one in target.wanted if one not in reading.found)
        trouble = ""
        if missing and not reading.found:
            trouble = _("It answered, but with none of the names that are kept.")
        sample = Sample(target.subject, own_moment(now, SCRAPER), state.shape.row(found)) if found else None
        return Outcome(target.instance, now, trouble, missing, reading.cut, sample)


def text_of(one: Wanted) -> str:
    """As it was written in the settings."""
    labels = ",".join(f'{label}="{value}"' for label, value in one.labels)
    return f"{one.name}{{{labels}}}" if labels else one.name
