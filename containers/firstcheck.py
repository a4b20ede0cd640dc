"""The first look at a new container's health, taken by us at once: the engine takes its own only after a whole interval.

What is run is the container's own health check, as the engine would run it; one success is what the engine, too, calls
healthy. (Engines from API 1.44 on have `start_interval` for this, but only for who sets it.)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from containers import health
from hosts.engine import Engine, EngineError

log = logging.getLogger(__name__)
PAUSE, LONGEST = 0.2, 2.0  # seconds between two looks: at first, and later on
PATIENCE = 3.0  # seconds that a look may take; a check that takes longer is left to the engine


class FirstCheck:
    """The looks at one container, up to the first success. `wait`: seconds to the next look; None: there is none."""

    def __init__(self, engine: Engine, engine_id: str) -> None:
        self._engine, self._id = engine, engine_id
        self.wait: float | None = PAUSE
        self._next = 0.0

    def passes(self, seen: Mapping[str, Any]) -> bool:
        """Whether the check of the container, running and «starting» by `seen`, succeeds now."""
        if self.wait is None or time.monotonic() < self._next:
            return False
        command, every = health.command_of(seen), health.interval_of(seen)
        # Of one that ran before, the engine may still tell how that run ended: its own word counts.
        if not command or not health.is_first_run(seen) or self.wait >= every:
            self.wait = None
            return False
        state = seen.get("State") or {}
        if not state.get("Running"):
            return False
        if (state.get("Health") or {}).get("Status") == "unhealthy":  # the engine has looked often enough
            self.wait = None
            return False
        try:
            code, _output = self._engine.exec(self._id, command, timeout=PATIENCE)
        except EngineError as error:
            log.info("%s on %s is left to its engine's checks: %s", self._id[:12], self._engine.where, error.message)
            self.wait = None
            return False
        self._next = time.monotonic() + self.wait
        self.wait = min(self.wait * 2, LONGEST)
        return code == 0
