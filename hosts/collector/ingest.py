"""Blocks become samples and rows: in one thread a process, for all of its hosts together.

Samples and how far each host was read are written in one transaction. While the database cannot be written, blocks wait; when too
many wait, they are let go, and the readers begin again where the rows say: the collectors' logs still have them.
"""

from __future__ import annotations

import collections
import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.db import Error, connection, transaction

from hosts import hooks
from hosts.collector import deltas, kills
from hosts.collector.kills import Ledger
from hosts.collector.protocol import Block
from hosts.collector.subjects import Subjects
from xqplatform import live, metrics
from xqplatform.metrics import Sample

log = logging.getLogger(__name__)
WAITING = 200_000  # samples that wait for the database at most
MANY = 1000  # containers of a host
SHOWN = 5.0  # seconds between two notes to pages that there is something new


@dataclass(slots=True)
class Arrived:
    """A block, and when its tick was by the platform's clock. `time` None: it was stored before, only the next one needs it."""

    host: int
    block: Block
    time: float | None
    clock: float  # the offset that `time` was made with
    bad: int = 0  # lines before it that made no sense
    live: bool = True
    position: float | None = None  # uptime of the newest stored tick before it, of the same start of the machine
    generation: int = 0  # of its reader: what one sends that was told to begin anew does not count


@dataclass(slots=True)
class _HostState:
    before: Block | None = None
    # By engine id: subject, and when it was last seen; kills that are counted; its first process, also while it is away for a tick.
    ended: dict[str, tuple[str, float]] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)

    def count_kills(self, one: Arrived, before: Block | None, ticked: deltas.Ticked) -> None:
        """What the containers' own counters told in this block."""
        now = one.block.uptime + one.clock
        after = before.uptime + one.clock if before is not None else now
        for engine_id, number in ticked.killing.items():
            self.ledgers[engine_id] = self.ledgers.get(engine_id, Ledger()).rose(after, now, number)
        self.ledgers = kills.settled(self.ledgers, now, max(one.block.interval, now - after))

    def settle(self, words: Mapping[str, Collection[float]]) -> dict[str, int]:
        """How many kills nobody counted, of those whose life had ended by the block before."""
        found = {}
        for engine_id, (_subject, seen) in self.ended.items():
            number, self.ledgers[engine_id] = kills.settle(
                self.ledgers.get(engine_id, Ledger()), words.get(engine_id, ()), seen
            )
            if number:
                found[engine_id] = number
        return found

    def restarted(self, block: Block, engine_id: str) -> bool:
        """Whether it is another process than the last time that it was seen."""
        now = block.containers[engine_id].started
        before, self.started[engine_id] = self.started.get(engine_id, now), now
        if len(self.started) > 2 * MANY:
            self.started = {one: started for one, started in self.started.items() if one in block.containers}
        return before != now


@dataclass(slots=True)
class _Position:
    """What a host's row is told; several blocks of one host are one of these."""

    arrived: Arrived
    stored: int
    cpu: float | None
    memory: float | None
    lost: int = 0
    bad: int = 0


def _samples_of(one: Arrived) -> int:
    return len(one.block.containers) + 1


class Ingest:
    """`put` from any thread; `work` in the one thread that owns the rest."""

    def __init__(self, lease: Callable[[], str], overflow: Callable[[], None] = lambda: None) -> None:
        self._lease, self._overflow = lease, overflow
        self._queue: queue.SimpleQueue[Arrived] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued = 0  # samples in the queue: one attempt to write may take long
        self._overflown = False
        self._hosts: dict[int, _HostState] = {}
        self._arrived: collections.deque[Arrived] = collections.deque()
        self._samples: list[Sample] = []
        self._positions: dict[int, _Position] = {}
        self._subjects = Subjects()
        self._told = 0.0
        self.generation = 0
        self.written = 0
        self.delays: list[float] | None = None  # a bench hangs a list here

    def put(self, arrived: Arrived) -> None:
        """Without waiting. Beyond `WAITING` samples nothing more is taken: it is read again, or counted as lost where no log has it."""
        with self._lock:
            if arrived.generation != self.generation or self._overflown:
                return
            self._queued += _samples_of(arrived)
            self._overflown = self._queued > WAITING
            self._queue.put(arrived)

    def forget(self, host: int) -> None:
        """Its reader begins anew or is another's; in the owner's thread."""
        self._hosts.pop(host, None)

    def work(self) -> int:
        """Takes in what arrived and writes it; how many samples were new. Never raises for a database that is locked or away."""
        self._empty_queue()
        try:
            if self._arrived:
                here = {(one.host, engine_id) for one in self._arrived for engine_id in one.block.containers}
                self._subjects.learn(here, {one.host for one in self._arrived})
            while self._arrived:
                self._take_in(self._arrived[0])
                self._arrived.popleft()
            return self._write()
        except Error as error:
            waiting = len(self._samples) + sum(_samples_of(one) for one in self._arrived)
            log.warning("Measurements wait for the database (%s samples): %s", waiting, error)
            if waiting > WAITING:
                self._let_go()
            return 0

    def _empty_queue(self) -> None:
        with self._lock:
            overflown = self._overflown
            while not self._queue.empty():
                one = self._queue.get()
                if one.generation == self.generation:
                    self._arrived.append(one)
            self._queued = 0
        if overflown:
            self._let_go()

    def _let_go(self) -> None:
        """The rows say how far each host was read: from there its log is read anew, and what is in no log counts as lost ticks."""
        log.warning("Too many measurements wait: they are read again from the collectors when the database answers.")
        self._samples, self._positions = [], {}
        self._arrived.clear()
        self._hosts.clear()
        with self._lock:
            self.generation += 1
            self._overflown = False
        self._overflow()

    def _take_in(self, one: Arrived) -> None:
        try:
            self._take(one)
        except Error:
            raise
        except Exception:  # of one host; the others go on
            log.exception("A block of host %s could not be taken in and is left out", one.host)

    def _take(self, one: Arrived) -> None:
        state = self._hosts.setdefault(one.host, _HostState())
        words = self._words(one, state)  # (asks the database: nothing is changed before)
        before, state.before = state.before, one.block
        ticked = deltas.tick(before, one.block)
        state.count_kills(one, before, ticked)
        if one.time is None:
            return
        samples = [Sample(f"host:{one.host}", one.time, ticked.host), *self._instances(one, ticked, state)]
        for engine_id, number in state.settle(words).items():
            self._count_kills(samples, state.ended[engine_id][0], engine_id, one.time, number)
        own = self._subjects.of_host(one.host)
        seen = before.uptime + one.clock if before is not None else one.time
        state.ended = {engine_id: (own[engine_id], seen) for engine_id in ticked.ended if own.get(engine_id)}
        self._samples += samples
        known = self._positions.get(one.host)
        lost = ticked.lost if before is not None else deltas.lost_since(one.position, one.block)
        self._positions[one.host] = _Position(
            one,
            len(samples) - 1,
            ticked.host.get("collector.cpu"),
            ticked.host.get("collector.memory"),
            lost + (known.lost if known else 0),
            one.bad + (known.bad if known else 0),
        )

    def _instances(self, one: Arrived, ticked: deltas.Ticked, state: _HostState) -> Iterable[Sample]:
        assert one.time is not None
        own, health = self._subjects.of_host(one.host), self._subjects.health
        for engine_id, values in ticked.containers.items():
            subject = own.get(engine_id)
            if subject:
                if state.restarted(one.block, engine_id):
                    values["restarts"] = 1.0
                well = health.get((one.host, engine_id))
                if well is not None:
                    values["health"] = well
                yield Sample(subject, one.time, values, engine_id[:12])

    def _words(self, one: Arrived, state: _HostState) -> dict[str, Collection[float]]:
        """A container that the kernel killed as a whole took its counter with it: what the engine told of it, one tick later."""
        if not state.ended or one.time is None:
            return {}
        known = state.ledgers
        since = {
            engine_id: known.get(engine_id, Ledger()).asks_from(seen)
            for engine_id, (_subject, seen) in state.ended.items()
        }
        return {engine_id: words for found in hooks.ask(hooks.METRIC_OOMS, since) for engine_id, words in found.items()}

    @staticmethod
    def _count_kills(samples: list[Sample], subject: str, engine_id: str, when: float, number: int) -> None:
        for at, sample in enumerate(samples):
            if sample.subject == subject:
                values = dict(sample.values)
                values["memory.oom_kills"] = values.get("memory.oom_kills", 0.0) + number
                samples[at] = Sample(subject, when, values, sample.life)
                return
        samples.append(Sample(subject, when, {"memory.oom_kills": float(number)}, engine_id[:12]))

    def _write(self) -> int:
        if not self._positions:
            return 0
        with transaction.atomic():
            new = metrics.write(self._samples)
            self._keep_positions()
        restarted = [(one.subject, one.life, one.time) for one in self._samples if one.values.get("restarts")]
        if restarted:
            hooks.call(hooks.METRIC_RESTARTS, restarted)
        now = time.time()
        if self.delays is not None:
            self.delays += [now - p.arrived.time for p in self._positions.values() if p.arrived.live and p.arrived.time]
        self._samples, self._positions = [], {}
        self.written += new
        if now - self._told > SHOWN:
            self._told = now
            live.bump("metrics")
        return new

    def _keep_positions(self) -> None:
        now, lease = time.time(), self._lease()
        rows = []
        for host, position in self._positions.items():
            one, block = position.arrived, position.arrived.block
            lag = max(0.0, now - one.time) if one.time is not None and one.live else None
            rows.append((
                block.boot, one.clock, block.uptime, block.seq, block.interval, block.lines, one.time, lag,
                position.lost, position.bad, len(block.containers), position.stored,
                position.cpu, position.memory, host, lease,
            ))  # fmt: skip
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE hosts_collector SET boot = %s, clock = %s, position = %s, seq = %s, every = %s, lines = %s, "
                "last_sample = %s, lag = COALESCE(%s, lag), lost_ticks = lost_ticks + %s, lines_bad = lines_bad + %s, "
                "containers = %s, stored = %s, cpu = COALESCE(%s, cpu), memory = COALESCE(%s, memory), trouble = '' "
                "WHERE host_id = %s AND lease = %s",
                rows,
            )
