"""Advances one deployment: reads the rows, lets `rollout.decide` say what is next, carries it out on threads, again.

One process at a time does it for a deployment (see `leases`); whoever comes after a death goes on from the rows and from
what the engines show.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db import connections, transaction
from django.db.models import F
from django.utils import timezone

from containers import leases, rollout
from containers.address_work import Readdress
from containers.finish import finish
from containers.guardrails.holding import Holding
from containers.hooks import closing
from containers.models import Deployment, Step
from containers.move_work import Move
from containers.pulse import Pulse
from containers.work import Broken, Context, Json, Patience, StepFailed, Work, load, point, prepare, topics_of
from hosts.engine import EngineError, connect
from hosts.models import Host
from xqplatform import live

log = logging.getLogger(__name__)
TICK = 0.15  # seconds until a click is seen
LONG_REST = 5.0  # rests longer than this are not waited for by a worker; the beat comes back
THREADS = 64
LEAVING = threading.Event()  # this process is being stopped: let go at once, another one goes on
WORK: dict[str, type[Work]] = {Deployment.Kind.MOVE: Move, Deployment.Kind.ADDRESS: Readdress}
ATTEMPTS = 3  # at a step that ends in an error nobody foresaw


def advance(pk: int) -> None:
    """Carries the deployment on until it ends, rests, or somebody else has it."""
    lease = leases.take(pk)
    if lease is None:
        return
    runner = Runner(pk, lease)
    try:
        runner.run()
    finally:
        runner.stop()
        lease.release()


class Runner:
    def __init__(self, pk: int, lease: leases.Lease) -> None:
        self.pk = pk
        self.lease = lease
        row = Deployment.objects.select_related("place__service", "place__environment").get(pk=pk)
        self.row = row
        policy = row.policy
        self.context = Context(
            deployment=pk,
            kind=row.kind,
            order=str(policy.get("order", "stop-first")),
            deadline=float(policy.get("deadline", 60)),
            lease=lease,
            topics=topics_of(row),
            pulse=Pulse(pk),
        )
        self._work = WORK.get(row.kind, Work)
        self.holding = Holding()
        self.wake = threading.Event()
        self.forward: dict[int, tuple[Future[None], threading.Event]] = {}
        self.backward: dict[int, tuple[Future[None], threading.Event]] = {}
        self.pulling: dict[int, Future[None]] = {}
        self.streams: list[Any] = []  # pulls under way
        self.closing: dict[str, Future[None]] = {}  # hooks after the last batch, by the state that it shall end in
        self.pulls: dict[str, Json] = dict(row.pulls)
        self.pulls_changed = False
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"release-{pk}")

    def stop(self) -> None:
        """No thread acts any more when this returns."""
        self.context.halt.set()
        self.context.pulse.close()
        for _future, stop in [*self.forward.values(), *self.backward.values()]:
            stop.set()
        for stream in self.streams:
            stream.stop()
        self.pool.shutdown(wait=True, cancel_futures=True)

    # --- The loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        known: tuple[str, str] | None = None
        look_at = 0.0
        while True:
            if not self.lease.renew() or self.context.halt.is_set() or LEAVING.is_set():
                return
            self._raise_deaths()
            self._save_pulls()
            now_known = Deployment.objects.filter(pk=self.pk).values_list("state", "asked").first()
            if now_known is None:
                return
            if now_known != known or self.wake.is_set() or time.time() >= look_at:
                self.wake.clear()
                known = now_known
                going_on, look_at = self._turn()
                if not going_on:
                    return
                if self.wake.is_set():
                    continue
            self.wake.wait(TICK)

    def _turn(self) -> tuple[bool, float]:
        """Decides once and begins what is due. Returns whether to go on, and when to decide again at the latest."""
        row = Deployment.objects.get(pk=self.pk)
        steps = _step_views(self.pk)
        view = replace(self._view(row), held_until=self._held(row, steps))
        now = time.time()
        look_at = now + 2.0
        actions = rollout.decide(view, steps, now)
        ready = self._load(actions)
        for action in actions:
            match action:
                case rollout.Become(state):
                    self._become(row, state, clear=action.clear_asked)
                case rollout.Pull(host):
                    self._pull(host)
                case rollout.Run(step):
                    self._begin(step, row, ready)
                case rollout.Undo(step):
                    self._undo(step)
                case rollout.Skip(step):
                    self._save_step(step, state="skipped")
                case rollout.Rest(until):
                    Deployment.objects.filter(pk=self.pk).update(batch_pause_until=datetime.fromtimestamp(until, UTC))
                    live.bump(*self.context.topics)
                    self.wake.set()
                case rollout.Wait(until):
                    if not self._in_work and (until is None or until - now > LONG_REST):
                        return False, 0
                    look_at = min(look_at, until or look_at)
                case rollout.Finish(state):
                    if not self._in_work and self._closed(row, state):
                        point("before finish")
                        finish(self.pk, state, lease=self.lease.text)
                        return False, 0
        return row.state in Deployment.ACTIVE, look_at

    def _held(self, row: Deployment, steps: Sequence[rollout.StepView]) -> float | None:
        """Until when a freeze holds it; noted in its row, for the pages and for whoever advances it later."""
        frozen = self.holding.of(row, begun=any(step.state != "waiting" for step in steps))
        until = datetime.fromtimestamp(frozen.until, UTC) if frozen is not None and frozen.until is not None else None
        if until != row.held_until:
            why = frozen.why if frozen is not None else ""
            Deployment.objects.filter(pk=self.pk, lease=self.lease.text).update(held_until=until, held_why=why)
            live.bump(*self.context.topics)
        return until.timestamp() if until is not None else None

    @property
    def _in_work(self) -> bool:
        return any(not f.done() for f, _stop in [*self.forward.values(), *self.backward.values()])

    def _closed(self, row: Deployment, state: str) -> bool:
        """Whether hooks that come after everything have run; begins them (one that fails makes it fail, while it can)."""
        if state not in self.closing:
            if not closing.due(row, state):
                return True
            self.closing[state] = self._submit(lambda: closing.run(self.context, row, state))
        return self.closing[state].done()

    def _raise_deaths(self) -> None:
        """What a thread did not expect ends this run (the rows stay as they are, the beat begins another)."""
        steps = (f for f, _stop in [*self.forward.values(), *self.backward.values()])
        for future in [*steps, *self.pulling.values(), *self.closing.values()]:
            error = future.exception() if future.done() and not future.cancelled() else None
            if error is not None:
                raise error

    def _view(self, row: Deployment) -> rollout.View:
        hosts = {step.target_id for step in self._with_instances() if step.action in Step.MAKES}
        return rollout.View(
            state=row.state,
            asked=row.asked,
            size=int(row.policy.get("size", 1)),
            pause=float(row.policy.get("pause", 0)),
            on_failure=str(row.policy.get("on_failure", "rollback")),
            pulls={host: str(self.pulls.get(str(host), {}).get("state", "waiting")) for host in sorted(hosts)},
            rest_until=row.batch_pause_until.timestamp() if row.batch_pause_until else None,
        )

    def _with_instances(self) -> list[Step]:
        if not hasattr(self, "_plan"):
            self._plan = list(
                Step.objects.filter(deployment=self.pk).select_related(
                    "instance__host", "instance__address__segment", "image__registry"
                )
            )
        return self._plan

    # --- Acting --------------------------------------------------------------------------------------------------

    def _become(self, row: Deployment, state: str, *, clear: bool) -> None:
        """Compare and swap: a wish that came meanwhile is not lost."""
        fields: dict[str, Any] = {"state": state}
        if clear:
            fields["asked"] = ""
        if row.started is None and state == "running":
            fields["started"] = timezone.now()
        Deployment.objects.filter(pk=self.pk, state=row.state, asked=row.asked, lease=self.lease.text).update(**fields)
        live.bump(*self.context.topics)
        self.wake.set()

    def _submit(self, function: Callable[[], None], step: int = 0, failed: str = "") -> Future[None]:
        def task() -> None:
            try:
                function()
            except Broken:
                pass
            except Exception as error:
                if not step or not self._gives_up(step, failed, error):
                    raise
            finally:
                connections.close_all()
                self.wake.set()

        return self.pool.submit(task)

    def _gives_up(self, step: int, state: str, error: Exception) -> bool:
        """An error that nobody foresaw: another run tries again, but not for ever."""
        log.exception("Step %s of release %s met an unforeseen error", step, self.pk)
        rows = Step.objects.filter(pk=step, deployment__lease=self.lease.text)
        rows.update(attempts=F("attempts") + 1)
        return bool(rows.filter(attempts__gte=ATTEMPTS).update(state=state, reason=f"{type(error).__name__}: {error}"))

    def _load(self, actions: Sequence[rollout.Action]) -> dict[int, Step]:
        """The rows of the steps that are begun now, read at once."""
        new = [one.step for one in actions if isinstance(one, rollout.Run) and one.step not in self.forward]
        return load(new) if new else {}

    def _begin(self, step: int, row: Deployment, ready: dict[int, Step]) -> None:
        if step not in ready:
            return
        if row.batch_pause_until is not None:
            Deployment.objects.filter(pk=self.pk).update(batch_pause_until=None)
            row.batch_pause_until = None
        stop = threading.Event()
        # «creating» says that it has begun; whoever finds it so has to look first at what is there.
        begun = self._save_step(step, only_if="waiting", state="creating")
        fresh = begun and row.kind in {"deploy", "scale"}
        self.forward[step] = (
            self._submit(lambda: self._work(self.context, ready[step], stop, fresh=fresh).forward(), step, "failed"),
            stop,
        )

    def _undo(self, step: int) -> None:
        if step in self.forward:
            future, stop = self.forward[step]
            stop.set()
            if not future.done():
                return  # it wakes us when it has let go
        if step in self.backward:
            return
        stop = threading.Event()
        self._save_step(step, state="undoing")
        self.backward[step] = (
            self._submit(lambda: self._work(self.context, load([step])[step], stop).back(), step, "undo_fail"),
            stop,
        )

    def _save_step(self, step: int, *, only_if: str = "", **fields: Any) -> bool:
        """Writes a step's row while the lease is ours; with `only_if`, only when it is in that state still."""
        rows = Step.objects.filter(pk=step, deployment__lease=self.lease.text)
        if only_if:
            rows = rows.filter(state=only_if)
        changed = bool(rows.update(**fields))
        live.bump(*self.context.topics)
        if fields.get("state") == "skipped":
            self.wake.set()
        return changed

    def _pull(self, host: int) -> None:
        if host in self.pulling:
            return
        mine = [s for s in self._with_instances() if s.target_id == host and s.action in Step.MAKES]
        images = {step.image_id: step.image for step in mine if step.image is not None}
        segments = {s.instance.address.segment_id: s.instance.address.segment for s in mine if s.instance.address}
        self._note_pull(host, state="pulling", began=time.time())

        def pull() -> None:
            point("before pull")
            patience = Patience(
                self.context,
                self.context.halt,
                max(10.0, self.context.deadline),
                lambda w: self._note_pull(host, error=w),
            )
            progress = _Progress(lambda done, total: self._note_pull(host, done=done, total=total))
            try:
                engine = connect(Host.objects.get(pk=host))
                for segment in segments.values():
                    prepare(engine, None, segment, patience)
                if any(segment.probe for segment in segments.values()) and any(s.action == "add" for s in mine):
                    self.context.wire.ask(host)  # meanwhile: does anybody have the new addresses?
                for image in images.values():
                    prepare(engine, image, None, patience, progress=progress, on_stream=self.streams.append)
            except (EngineError, StepFailed) as error:
                self._note_pull(host, state="failed", error=str(error))
            else:
                point("after pull")
                self._note_pull(host, state="done", error="", ended=time.time())

        self.pulling[host] = self._submit(pull)

    def _note_pull(self, host: int, **fields: Any) -> None:
        self.pulls[str(host)] = {**self.pulls.get(str(host), {}), **fields}
        self.pulls_changed = True
        if "state" in fields:
            self.wake.set()

    def _save_pulls(self) -> None:
        if not self.pulls_changed:
            return
        self.pulls_changed = False
        with transaction.atomic():
            Deployment.objects.filter(pk=self.pk, lease=self.lease.text).update(pulls=dict(self.pulls))
            live.bump(*self.context.topics)


class _Progress:
    """Adds up an engine's progress messages over layers; tells at most every 0.3 s."""

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        self._tell = tell
        self._layers: dict[str, tuple[int, int]] = {}
        self._told = 0.0

    def __call__(self, message: Json) -> None:
        detail = message.get("progressDetail") or {}
        if not detail.get("total"):
            return
        self._layers[str(message.get("id"))] = (int(detail.get("current") or 0), int(detail["total"]))
        now = time.monotonic()
        if now - self._told >= 0.3:
            self._told = now
            self._tell(sum(d for d, _t in self._layers.values()), sum(t for _d, t in self._layers.values()))


def _step_views(deployment: int) -> list[rollout.StepView]:
    rows = Step.objects.filter(deployment=deployment).order_by("position")
    return [
        rollout.StepView(pk=pk, host=0, batch=batch, position=position, state=state, touched=bool(times))
        for pk, batch, position, state, times in rows.values_list("pk", "batch", "position", "state", "times")
    ]
