"""One host's stream in the event loop: followed, taken up again where it broke off, put into the platform's time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from hosts.collector import by_server, fallback, stream
from hosts.collector.clock import HELD, Clock
from hosts.collector.ingest import Arrived
from hosts.collector.protocol import Block, Parser
from hosts.engine_errors import EngineError
from hosts.models import Collector, Host
from hosts.ssh import SshError
from xqplatform.metrics.moments import COLLECTOR, own_moment

log = logging.getLogger(__name__)
PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
SILENT_TICKS = 4  # without a word until the stream counts as dead
ALL_AFTER = 900.0  # seconds of absence after which the whole log is asked for


@dataclass(frozen=True)
class Assignment:
    """What is read of a host: another one of these is another stream."""

    host: int
    connection_version: int
    state: str
    container: str
    version: str


def assignment(row: Collector) -> Assignment:
    return Assignment(row.host_id, row.host.connection_version, row.state, row.container, row.version)


def lines_back(row_lines: int, every: float, absent: float | None) -> int | None:
    """How many lines of the log are surely enough to go on without a gap; None: all of it. Pure."""
    if absent is None or absent > ALL_AFTER or absent < 0 or every <= 0 or row_lines <= 0:
        return None
    return int((absent / every + 4) * (row_lines * 1.5 + 20))


class Follower:
    """`put` takes what arrived; `trouble(host, words, gone)` hears why nothing comes (empty: all is well)."""

    def __init__(
        self,
        row: Collector,
        put: Callable[[Arrived], None],
        trouble: Callable[[int, str, bool], None],
        gate: asyncio.Semaphore,
        generation: int = 0,
    ) -> None:
        self.assignment = assignment(row)
        self._host: Host = row.host
        self._container, self._state = row.container, row.state
        self._put, self._trouble, self._gate = put, trouble, gate
        self._generation = generation
        self._clock = Clock(row.boot, row.clock)
        self._position = (row.boot, row.position)
        self._lines, self._every = row.lines, row.every
        self._heard = row.last_sample  # when, by our clock
        self._held: deque[tuple[Block, int]] = deque(maxlen=HELD)

    async def run(self) -> None:
        """Until it is cancelled."""
        attempt = 0
        while True:
            heard = self._heard
            words, gone = await self._once()
            if self._heard != heard:
                attempt = 0
            self._trouble(self._host.pk, words, gone)
            await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1

    async def _once(self) -> tuple[str, bool]:
        """Follows until it breaks off: why, and whether the collector is gone."""
        try:
            if self._state == Collector.State.SERVER:
                await self._ask(by_server.read)
            if self._state == Collector.State.FALLBACK:
                await self._ask(fallback.read)
            await self._follow()
        except EngineError as error:
            return error.words, error.kind in {"not_found", "conflict"}
        except SshError as error:
            return error.words, error.kind == "no_key"
        except (OSError, TimeoutError) as error:
            return _("The stream broke off: %(why)s") % {"why": error or type(error).__name__}, False
        except Exception as error:  # of one host; the others go on
            log.exception("The collector of %s could not be read", self._host)
            return f"{type(error).__name__}: {error}", False
        if self._state == Collector.State.PROCESS:
            return "", False  # it asked to be begun anew: it had not found the engine's containers
        return _("The collector does not run."), True

    async def _follow(self) -> None:
        parser = Parser()
        self._clock.restart_stream()
        absent = time.time() - self._heard if self._heard is not None else None
        tail = lines_back(self._lines, self._every, absent)
        silence = SILENT_TICKS * (self._every or 10.0) + 10
        if self._state == Collector.State.PROCESS:
            pieces = stream.run(self._host, silence, self._gate)
        else:
            pieces = stream.follow(self._host, self._container, tail, silence, self._gate)
        async with contextlib.aclosing(pieces):
            async for lines in pieces:
                arrival = time.time()
                for line in lines:
                    block = parser.feed(line)
                    if block is not None and self._state == Collector.State.PROCESS:
                        block = await asyncio.to_thread(by_server.complete, self._host, block)
                    if block is not None:
                        self._arrived(block, arrival, parser)

    def _arrived(self, block: Block, arrival: float, parser: Parser) -> None:
        bad, parser.bad = parser.bad, 0
        self._clock.hear(block.boot, block.uptime, arrival)
        self._held.append((block, bad))
        if not self._clock.knows(block.boot):
            return  # until one comes of which it is sure that it is new
        while self._held:
            one, of_it = self._held.popleft()
            if self._clock.knows(one.boot):
                self._hand_over(one, of_it, arrival)

    def _hand_over(self, block: Block, bad: int, arrival: float) -> None:
        when = self._clock.time(block.uptime)
        old = block.boot == self._position[0] and block.uptime <= self._position[1]
        fresh = arrival - when < 2 * block.interval
        before = self._position[1] if block.boot == self._position[0] else None
        self._put(
            Arrived(
                self._host.pk, block, None if old else when, self._clock.offset, bad, fresh, before, self._generation
            )
        )
        if not old:
            self._position = (block.boot, block.uptime)
            self._lines, self._every, self._heard = block.lines, block.interval, when

    async def _ask(self, read: Callable[[Host], tuple[Block, float]]) -> None:
        """Where no collector is: the engine itself, again after as many seconds as it says."""
        while True:
            began = time.time()
            block, every = await asyncio.to_thread(read, self._host)
            when, clock = own_moment(began, COLLECTOR), round(began - block.uptime, 2)
            self._put(Arrived(self._host.pk, block, when, clock, generation=self._generation))
            self._heard = began
            await asyncio.sleep(max(1.0, every - (time.time() - began)))
