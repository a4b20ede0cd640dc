"""What a step's work has at hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from containers import known, spec
from containers.config import Config, parse
from containers.ending import Broken
from containers.hooks.around import Around
from containers.models import ConfigVersion, Instance, Step
from containers.steps.context import Context
from containers.steps.patience import Patience
from containers.steps.points import point
from hosts import labels
from hosts.engine import Engine, EngineError, connect
from hosts.models import Address
from xqplatform import live

Json = dict[str, Any]
SAID = {"reason", "log"}  # of a step: may quote what a container, a hook or an engine said
BACK_SECONDS = 60.0


def load(pks: Iterable[int]) -> dict[int, Step]:
    """Steps with all rows that their work needs: those of a batch together, since so wide a query costs more than its rows."""
    rows = Step.objects.filter(pk__in=list(pks)).select_related(
        "instance__place__service", "instance__place__environment", "instance__host", "instance__address__segment",
        "image__registry", "config", "old_image__registry", "old_config",
    )  # fmt: skip
    return {row.pk: row for row in rows}


class Bench:
    """A step with its instance and engine, and the row in which its work is noted. One thread at a time works with it."""

    def __init__(self, context: Context, step: Step, stop: threading.Event, *, fresh: bool = False) -> None:
        """`step`: from `load`; `fresh`: nobody has begun it before."""
        self.context, self.fresh = context, fresh
        self.step = step
        self.instance: Instance = self.step.instance
        self.host = self.instance.host
        self.engine: Engine = connect(self.host)
        self.patience = Patience(context, stop, max(10.0, context.deadline), self._note)
        self.times: Json = dict(self.step.times)
        self.around = Around(self)
        self._before: str | None = None  # the step's reason before it waits for an engine
        self.own_name = False  # the new container was made under the instance's own name

    # --- What is asked of it ----------------------------------------------------------------------------------------

    def config_of(self, version: ConfigVersion | None) -> Config:
        return parse(version.content) if version is not None else Config()

    @property
    def address(self) -> Address | None:
        """What the container that is made next has."""
        return self.instance.address

    def segment(self) -> Any:
        return self.instance.address.segment if self.instance.address is not None else None

    @property
    def fixed(self) -> bool:
        return self.instance.address_id is not None

    def deadline(self) -> float:
        """When an instance must be healthy. The way back has more time: nothing comes after it that could help."""
        seconds = self.context.deadline
        return time.monotonic() + (max(seconds, BACK_SECONDS) if self.step.state == "undoing" else seconds)

    def stop_timeout(self, version: ConfigVersion | None) -> int:
        return self.config_of(version).stop_timeout

    def point(self, name: str) -> None:
        self.patience.check()
        point(name, self.step.pk)

    # --- On the engine ----------------------------------------------------------------------------------------------

    def look(self, mark: str) -> tuple[Json | None, list[Json]]:
        """This step's own container, if it is there, and all others of the instance."""
        marks = {labels.INSTANCE: str(self.instance.pk), labels.PLATFORM: labels.installation()}
        found = self.patience.call(self.engine.list_containers, labels=marks)
        mine = [one for one in found if mark and label(one, spec.STEP) == mark]
        return (mine[0] if mine else None), [one for one in found if one not in mine[:1]]

    def there(self) -> Json | None:
        """The instance's container: the one that runs, else the newest."""
        mine, others = self.look(str(self.step.pk))
        found = sorted(
            [*([mine] if mine else []), *others], key=lambda one: (one.get("State") == "running", one.get("Created", 0))
        )
        return found[-1] if found else None

    def inspect(self, engine_id: str) -> Json | None:
        try:
            return self.patience.call(self.engine.inspect, engine_id)
        except EngineError as error:
            if error.kind == "not_found":
                return None
            raise

    # --- The row ---------------------------------------------------------------------------------------------------

    @contextmanager
    def timed(self, name: str, state: str = "") -> Iterator[None]:
        began = time.time()
        if name:
            self.times[name] = [began, None]
        self.save(**({"state": state} if state else {}), times=self.times)
        try:
            yield
        finally:
            if name:
                self.times[name] = [began, time.time()]

    def _note(self, words: str) -> None:
        """What it waits for meanwhile; empty: for nothing any more, and what was said before holds again."""
        if self._before is None:
            self._before = self.step.reason
        self.save(reason=words or self._before)
        if not words:
            self._before = None

    def save(self, **fields: Any) -> None:
        """Writes the step's row, but only while this process has the lease. Raises Broken when it has not."""
        self.patience.check()
        fields.setdefault("times", self.times)
        for name in SAID & fields.keys():
            fields[name] = known.of_place(self.instance.place_id)(fields[name])
        for name, value in fields.items():
            setattr(self.step, name, value)
        changed = Step.objects.filter(pk=self.step.pk, deployment__lease=self.context.lease.text).update(**fields)
        if not changed:
            self.context.halt.set()
            raise Broken
        live.bump(*self.context.topics, f"instance:{self.instance.pk}")


def label(container: Json, name: str) -> str:
    return str((container.get("Labels") or {}).get(name, ""))
