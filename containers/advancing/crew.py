"""Who works on which step, on threads: forward, half way, and back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from django.db import transaction

from containers import rollout, spec
from containers.address_work import Readdress
from containers.advancing.rows import Rows
from containers.advancing.threads import Threads
from containers.halting import AfterHalt, Halt
from containers.models import Deployment, Step
from containers.move_work import Move
from containers.steps.bench import load
from containers.steps.context import Context
from containers.steps.work import Work
from hosts import labels
from hosts.engine import EngineError, connect
from xqplatform import live

log = logging.getLogger(__name__)
BEFORE = frozenset({"waiting", "stopped"})  # of a step that is begun, or gone on with after a halt
WORK: dict[str, type[Work]] = {Deployment.Kind.MOVE: Move, Deployment.Kind.ADDRESS: Readdress}
FORCE_SECONDS = 5.0  # a call that hangs is not waited for longer when its instance shall be brought back
Table = dict[int, tuple[Future[None], threading.Event]]  # step → its thread, and what tells that one to stop


class Crew:
    """Each step is worked on by one thread at a time."""

    def __init__(self, context: Context, rows: Rows, threads: Threads) -> None:
        self._context, self._rows, self._threads = context, rows, threads
        row = rows.row
        self._work = AfterHalt if row.policy.get("strategy") == "recreate" else WORK.get(row.kind, Work)
        self.forward: Table = {}
        self.backward: Table = {}
        self.halting: Table = {}
        self._broken_off_at: dict[int, float] = {}  # step → since when its thread is waited for
        self.abandoned: list[int] = []  # steps of which a thread hangs in a call

    def stop(self) -> None:
        """Tells all threads to stop; waits for none."""
        for _future, stop in self._all():
            stop.set()

    def futures(self) -> list[Future[None]]:
        return [future for future, _stop in self._all()]

    def _all(self) -> list[tuple[Future[None], threading.Event]]:
        return [*self.forward.values(), *self.backward.values(), *self.halting.values()]

    def forget(self, steps: Sequence[rollout.StepView]) -> None:
        """What ended and begins again: a failed one that is tried once more, one that was only stopped."""
        for step in steps:
            if step.state in BEFORE and step.pk in self.forward and self.forward[step.pk][0].done():
                del self.forward[step.pk]
            if step.state != "halting" and step.pk in self.halting and self.halting[step.pk][0].done():
                del self.halting[step.pk]

    # --- Forward -------------------------------------------------------------------------------------------------

    def load(self, actions: Sequence[rollout.Action]) -> dict[int, Step]:
        """The rows of the steps that are begun now, read at once."""
        new = [one.step for one in actions if isinstance(one, rollout.Run) and one.step not in self.forward]
        return load(new) if new else {}

    def claim(self, ready: dict[int, Step]) -> set[int]:
        """Those of the steps that are begun anew, all in one write.

        «creating» says that a step has begun; whoever finds it so has to look first at what is there.
        """
        new = [pk for pk, step in ready.items() if step.state in BEFORE]
        if not new:
            return set()
        rows = Step.objects.filter(pk__in=new, deployment__lease=self._rows.lease.text)
        with transaction.atomic():
            rows.filter(state__in=BEFORE).update(state="creating")
            live.bump(*self._rows.topics)
            return set(rows.filter(state="creating").values_list("pk", flat=True))

    def begin(self, step: int, row: Deployment, ready: dict[int, Step], begun: set[int]) -> None:
        """`ready`: from `load`; `begun`: from `claim`."""
        if step not in ready:
            return
        anew, touched = ready[step].state in BEFORE, bool(ready[step].times)
        if anew and step not in begun:
            return  # somebody left it out in this very moment
        self._rows.let_go(row)
        stop = threading.Event()
        fresh = anew and not touched and row.kind in {"deploy", "scale"}

        def work() -> None:
            self._work(self._context, ready[step], stop, fresh=fresh).forward()

        self.forward[step] = (self._threads.submit(work, step, "failed"), stop)

    # --- Half way, and back --------------------------------------------------------------------------------------

    def halt(self, step: int, row: Deployment) -> None:
        if step in self.halting:
            return
        if step in self.forward and not self._broken_off(step):
            return
        ready = load([step])[step]
        was = ready.state
        if was != "halting" and not self._rows.save_step(step, only_if=was, state="halting"):
            return
        self._rows.let_go(row)
        otherwise = "undo_fail" if row.state == Deployment.State.ROLLING_BACK else "failed"
        stop = threading.Event()

        def work() -> None:
            Halt(self._context, ready, stop).halt(otherwise)

        self.halting[step] = (self._threads.submit(work, step, otherwise), stop)

    def undo(self, step: int) -> None:
        if not self._broken_off(step) or step in self.backward:
            return
        stop = threading.Event()
        self._rows.save_step(step, state="undoing")

        def work() -> None:
            self._work(self._context, load([step])[step], stop).back()

        self.backward[step] = (self._threads.submit(work, step, "undo_fail"), stop)

    def _broken_off(self, step: int) -> bool:
        """Whether no thread works forward on the step any more. One that hangs in a call is left to itself after a while:
        it writes nothing any more, and what its call still does is swept up at the end.
        """
        for table in (self.forward, self.halting):
            if step not in table:
                continue
            future, stop = table[step]
            stop.set()
            if future.done():
                continue
            since = self._broken_off_at.setdefault(step, time.monotonic())
            if time.monotonic() - since < FORCE_SECONDS:
                return False  # it wakes us when it has let go
            log.warning("Release %s: step %s hangs in a call and is not waited for", self._rows.pk, step)
            self.abandoned.append(step)
            del table[step]
        return True


def sweep_steps(steps: Iterable[int]) -> None:
    """Removes what a call that was not waited for made after all, of steps that were brought back."""
    for step in load(steps).values():
        if step.state not in {"undone", "undo_fail"}:
            continue
        try:
            engine = connect(step.instance.host)
            for one in engine.list_containers(labels={spec.STEP: str(step.pk), labels.PLATFORM: labels.installation()}):
                engine.remove(str(one["Id"]), force=True)
        except EngineError as error:
            log.warning("What step %s may have left on %s was not looked for: %s", step.pk, step.instance.host, error)
