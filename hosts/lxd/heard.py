"""A server's lifecycle events in the other runtime's words, and what its instances' health checks find."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from hosts import inventory
from hosts.engine_errors import EngineError
from hosts.lxd import shape
from hosts.lxd.link import Events, Json

log = logging.getLogger(__name__)
HEALTH = "health_status"
LOOK_EVERY = 1.0  # seconds between two looks which checks are due
SIDE_BY_SIDE = 8  # checks


class Server(Protocol):
    """What is asked of the engine meanwhile."""

    where: str

    def known(self, name: str) -> tuple[str, dict[str, str]]: ...
    def checked(self) -> list[Json]: ...
    def inspect(self, container: str) -> Json: ...


class Heard:
    """Events as they come; `stop()` ends them from any thread. Raises EngineError when the connection breaks."""

    def __init__(self, engine: Server, events: Events, actions: set[str], labels: tuple[str, ...]) -> None:
        self._engine, self._events, self._actions, self._labels = engine, events, actions, labels
        self._queue: queue.Queue[Json | EngineError | None] = queue.Queue()
        self._ended = threading.Event()
        threading.Thread(target=self._listen, name=f"lxd-events {engine.where}", daemon=True).start()
        if not actions or HEALTH in actions:
            threading.Thread(target=self._check, name=f"lxd-health {engine.where}", daemon=True).start()

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
        """Has the checks run that are due, and tells of those whose state has changed."""
        last: dict[str, str] = {}
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="lxd-check") as pool:
            while not self._ended.wait(LOOK_EVERY):
                try:
                    mine = [one for one in self._engine.checked() if shape.wanted(shape.labels_of(one), self._labels)]
                    for event in pool.map(self._looked, mine):
                        if event is not None and last.get(event["Actor"]["ID"]) != event["Action"]:
                            last[event["Actor"]["ID"]] = event["Action"]
                            self._queue.put(event)
                except EngineError as error:
                    log.info("Health checks on %s: %s", self._engine.where, error.message)
                except Exception:  # the next look tries again; nobody else would
                    log.exception("Health checks on %s failed", self._engine.where)

    def _looked(self, instance: Json) -> Json | None:
        try:
            seen = self._engine.inspect(shape.identity(instance))
        except EngineError as error:
            if error.kind == "not_found":
                return None
            raise
        status = str((seen["State"].get("Health") or {}).get("Status") or "")
        if status not in {"healthy", "unhealthy"}:
            return None
        return shape.told(
            f"{HEALTH}: {status}",
            shape.identity(instance),
            shape.labels_of(instance),
            str(instance["name"]),
            time.time(),
        )

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
