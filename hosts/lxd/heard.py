"""A server's lifecycle events in the other runtime's words, and what its instances' health checks find."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from hosts import inventory
from hosts.engine_errors import EngineError
from hosts.lxd import kills, shape
from hosts.lxd.kills import Kills
from hosts.lxd.link import Events, Json

log = logging.getLogger(__name__)
HEALTH, OOM = "health_status", "oom"
KILLS_EVERY, KILLS_SHARE = (
    15.0,
    20.0,
)  # seconds between two looks for kills; so many times as long as one takes, if that is longer
MOST_KILLS = 10  # told of one look
LOOK_EVERY = 1.0  # seconds between two looks which checks are due


class Server(Protocol):
    """What is asked of the engine meanwhile."""

    where: str

    def known(self, name: str) -> tuple[str, dict[str, str]]: ...
    def checked(self) -> list[Json]: ...
    def look(self, instances: list[Json]) -> dict[str, str]: ...
    def looked(self, done: int, timeout: float) -> int: ...
    @property
    def kills(self) -> Kills: ...


class Heard:
    """Events as they come; `stop()` ends them from any thread. Raises EngineError when the connection breaks."""

    def __init__(self, engine: Server, events: Events, actions: set[str], labels: tuple[str, ...]) -> None:
        self._engine, self._events, self._actions, self._labels = engine, events, actions, labels
        self._queue: queue.Queue[Json | EngineError | None] = queue.Queue()
        self._ended = threading.Event()
        threading.Thread(target=self._listen, name=f"lxd-events {engine.where}", daemon=True).start()
        if not actions or HEALTH in actions:
            threading.Thread(target=self._check, name=f"lxd-health {engine.where}", daemon=True).start()
        if not actions or OOM in actions:
            threading.Thread(target=self._count_kills, name=f"lxd-kills {engine.where}", daemon=True).start()

    def _listen(self) -> None:
        try:
            for said in self._events:
                for event in self._translated(said):
                    self._queue.put(event)
        except EngineError as error:
            self._queue.put(error)
        finally:
            self._ended.set()
            self._queue.put(None)

    def _translated(self, said: Json) -> list[Json]:
        metadata = said.get("metadata") or {}
        name = str(metadata.get("source") or "").rpartition("/instances/")[2].partition("/")[0]
        actions = [
            one
            for one in shape.ACTIONS.get(str(metadata.get("action")), ())
            if not self._actions or one in self._actions
        ]
        if not name or not actions:
            return []
        identity, labels = self._engine.known(name)
        moment = inventory.parse_time(str(said.get("timestamp") or ""))
        if not shape.wanted(labels, self._labels):
            return []
        at = moment.timestamp() if moment else time.time()
        return [shape.event(said, action, identity, labels, name=name, moment=at) for action in actions]

    def _check(self) -> None:
        """Has the checks begun that are due, and tells of instances whose state has changed, as soon as that is known."""
        told: dict[str, str] = {}
        mine: list[Json] = []
        asked, done = 0.0, 0
        while not self._ended.is_set():
            try:
                if time.monotonic() - asked >= LOOK_EVERY:
                    asked = time.monotonic()
                    mine = [one for one in self._engine.checked() if shape.wanted(shape.labels_of(one), self._labels)]
                    told = {identity: told[identity] for identity in map(shape.identity, mine) if identity in told}
                for event in self._changes(mine, told):
                    self._queue.put(event)
            except EngineError as error:
                log.info("Health checks on %s: %s", self._engine.where, error.message)
            except Exception:  # the next look tries again; nobody else would
                log.exception("Health checks on %s failed", self._engine.where)
            done = self._engine.looked(done, max(0.05, LOOK_EVERY - (time.monotonic() - asked)))

    def _changes(self, mine: list[Json], told: dict[str, str]) -> Iterator[Json]:
        """An event for each that is known to be well or ill and was not so before; `told` is kept up."""
        found = self._engine.look(mine)
        for one in mine:
            identity, status = shape.identity(one), found.get(shape.identity(one), "")
            if status in {"healthy", "unhealthy"} and told.get(identity) != status:
                told[identity] = status
                action = f"{HEALTH}: {status}"
                yield shape.told(action, identity, shape.labels_of(one), str(one["name"]), time.time())

    def _count_kills(self) -> None:
        """Tells of instances in which the kernel has killed since the last look."""
        pause, before = 0.0, None
        while not self._ended.wait(pause):
            began = time.monotonic()
            try:
                now = self._engine.kills.look()
                for identity, more in kills.rose(before, now).items():
                    one = now[identity]
                    for _kill in range(min(more, MOST_KILLS) if shape.wanted(one.labels, self._labels) else 0):
                        self._queue.put(shape.told(OOM, identity, one.labels, one.name, time.time()))
                before = now
            except EngineError as error:
                log.info("Kills on %s: %s", self._engine.where, error.message)
            except Exception:  # the next look tries again; nobody else would
                log.exception("Kills on %s could not be counted", self._engine.where)
            pause = max(KILLS_EVERY, KILLS_SHARE * (time.monotonic() - began))

    def __iter__(self) -> Iterator[Json]:
        return self

    def __next__(self) -> Json:
        item = self._queue.get()
        if item is None or self._events.stopped:
            raise StopIteration
        if isinstance(item, EngineError):
            raise item
        return item

    @property
    def stopped(self) -> bool:
        return self._events.stopped

    def stop(self) -> None:
        self._ended.set()
        self._events.stop()
        self._queue.put(None)

    def close(self) -> None:
        self.stop()

    def __enter__(self) -> Heard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
