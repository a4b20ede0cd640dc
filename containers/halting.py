"""Stopping what runs in an instance, with nothing new made there yet: recreate, and old ones that are kept for a way back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from containers.ending import StepFailed
from containers.steps.bench import Json
from containers.steps.work import Work
from hosts.engine import EngineError

STILL = frozenset({"created", "exited", "dead"})


class Halt(Work):
    """A step's first half. What comes after it is done by `Work`, which finds what is there."""

    def halt(self, otherwise: str) -> None:
        """Leaves the step `stopped`; `otherwise`: the state of one whose container could not be stopped."""
        self.around.returning = otherwise == "undo_fail"
        try:
            self.around.begin()
            mine, others = self.look(str(self.step.pk))
            self._stop_all([one for one in [*([mine] if mine else []), *others] if one.get("State") not in STILL])
        except (StepFailed, EngineError) as error:
            self._failed(otherwise, error)
        else:
            span = self.times.get("stop")
            if span and span[1] is None:  # a dead process has stopped it
                self.times["stop"] = [span[0], time.time()]
            self.point("halted")
            self.save(state="stopped", reason="")

    @contextmanager
    def timed(self, name: str, state: str = "") -> Iterator[None]:
        with super().timed(name, "halting" if state == "stopping" else state):
            yield


class AfterHalt(Work):
    """The second half: what is stopped already is not stopped, nor taken out of traffic, once more."""

    def _stop_all(self, containers: list[Json]) -> None:
        super()._stop_all([one for one in containers if one.get("State") not in STILL])
