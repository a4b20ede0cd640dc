"""The numbers of all instances of a server at once: its metrics where it has them, else their states."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from hosts.collector.protocol import HostReading, Reading
from hosts.engine_errors import EngineError
from hosts.lxd import measured, shape
from hosts.meter_types import Measured

if TYPE_CHECKING:
    from hosts.lxd.engine import LxdEngine

log = logging.getLogger(__name__)
KILLS_EVERY = 60.0  # seconds: what is seen by looking inside of each is seen when it is told, too
MACHINE_EVERY = 60.0  # seconds: to tell of its machine costs a server more than of some instances


class LxdMeter:
    """Of one server. A server makes its metrics anew after 8 s at the soonest, whoever asks."""

    def __init__(self, engine: LxdEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._has_metrics: bool | None = None
        self._machine: tuple[float, HostReading] | None = None

    def read(self, at: float) -> Measured:
        return Measured(self._of_machine(at), self._of_instances(at))

    def _of_instances(self, at: float) -> dict[str, Reading]:
        if self._metrics_are_there():
            text = self._engine.link.text("/metrics", params={"project": "default"})
            try:
                found = measured.samples_of(text)
            except measured.Nonsense as error:
                log.warning("Metrics of %s make no sense, states are asked for: %s", self._engine.where, error)
            else:
                running = [one for one in self._engine.instances() if one["name"] in found and shape.is_running(one)]
                return self._with_kills(
                    {shape.identity(one): measured.of_metrics(one, found[one["name"]], at) for one in running}
                )
        running = [one for one in self._engine.instances(states=True) if shape.is_running(one)]
        return self._with_kills({shape.identity(one): measured.of_state(one, at) for one in running})

    def _with_kills(self, readings: dict[str, Reading]) -> dict[str, Reading]:
        """Where the server does not count them, with what was last seen inside of the same run."""
        if all(one.oom_kills is not None or one.limit is None for one in readings.values()):
            return readings
        seen = self._engine.kills.look(KILLS_EVERY)
        return {
            identity: reading._replace(oom_kills=float(seen[identity].kills))
            if reading.oom_kills is None and identity in seen and seen[identity].run == reading.started
            else reading
            for identity, reading in readings.items()
        }

    def kills(self) -> dict[str, int] | None:
        """How often the kernel killed in each instance, by the server's metrics; None: they do not tell."""
        if not self._metrics_are_there():
            return None
        try:
            found = measured.samples_of(self._engine.link.text("/metrics", params={"project": "default"}))
        except measured.Nonsense:
            return None
        told = {name: measured.kills_of(samples) for name, samples in found.items()}
        if not any(count is not None for count in told.values()):
            return None
        names = {str(one["name"]): shape.identity(one) for one in self._engine.instances()}
        return {names[name]: int(count) for name, count in told.items() if count is not None and name in names}

    def _metrics_are_there(self) -> bool:
        if self._has_metrics is None:
            self._has_metrics = "metrics" in (self._engine.link.server().get("api_extensions") or [])
        return self._has_metrics

    def _of_machine(self, at: float) -> HostReading:
        """As it was lately; without what is not told just now."""
        with self._lock:
            if self._machine is not None and 0 <= at - self._machine[0] < MACHINE_EVERY:
                return self._machine[1]
        engine = self._engine
        resources = engine.link.ask("GET", "/resources")
        try:
            pool = engine.pool()
            mount = f"{pool['name']} ({pool['driver']})"
            found = measured.machine(resources, mount, engine.data_root_space(mount))
        except EngineError as error:
            if error.out_of_reach:
                raise
            log.info("The pool of %s cannot be measured: %s", engine.where, error.message)
            found = measured.machine(resources, "", None)
        with self._lock:
            self._machine = (at, found)
        return found
