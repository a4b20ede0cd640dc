"""What the engines tell of a release's containers while it rolls: it spares asking each of them ten times a second.

A stream that breaks, or one that an engine does not offer, only means that the engine is asked more often.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from hosts import labels
from hosts.engine import Answer, Engine, EngineError

log = logging.getLogger(__name__)
TOLD = ("health_status", "die", "destroy", "oom")
ASK_ANYWAY = 1.0  # seconds: an event may have been sent before the stream was open


class Pulse:
    """One event stream an engine, opened when the first step wants it, closed with the run."""

    def __init__(self, deployment: int) -> None:
        self._deployment = deployment
        self._lock = threading.Lock()
        self._streams: dict[int, Answer[dict[str, object]] | None] = {}
        self._up: set[int] = set()
        self._bells: dict[str, threading.Event] = {}
        self._closed = False

    def listen(self, host: int, engine: Engine) -> None:
        """Opens the host's stream, unless that was done before."""
        with self._lock:
            if self._closed or host in self._streams:
                return
            self._streams[host] = None
        threading.Thread(target=self._hear, args=(host, engine), name=f"pulse-{host}", daemon=True).start()

    def _hear(self, host: int, engine: Engine) -> None:
        try:
            mark = f"{labels.DEPLOYMENT}={self._deployment}"
            with engine.events(types=["container"], actions=TOLD, labels=[mark]) as stream:
                with self._lock:
                    if self._closed:
                        return
                    self._streams[host] = stream
                    self._up.add(host)
                for event in stream:
                    actor = event.get("Actor")
                    if isinstance(actor, dict):
                        self._bell(str(actor.get("ID", ""))).set()
        except EngineError as error:
            log.info("Without events of %s: %s", engine.where, error.message)
        finally:
            with self._lock:
                self._up.discard(host)
                bells = list(self._bells.values())
            for bell in bells:
                bell.set()

    def _bell(self, engine_id: str) -> threading.Event:
        with self._lock:
            return self._bells.setdefault(engine_id, threading.Event())

    def wait(
        self,
        host: int,
        engine_id: str,
        otherwise: float,
        sleep: Callable[[float], None],
        most: float = ASK_ANYWAY,
    ) -> None:
        """Waits until the container has something to tell, at most `most` s; without a stream `otherwise` seconds."""
        if host not in self._up:
            sleep(otherwise)
            return
        bell = self._bell(engine_id)
        waited = 0.0
        while not bell.wait(0.1) and waited < most:
            waited += 0.1
            sleep(0)
        bell.clear()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            streams = [stream for stream in self._streams.values() if stream is not None]
        for stream in streams:
            stream.stop()
