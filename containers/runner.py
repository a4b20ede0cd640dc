"""Advances one deployment: reads the rows, lets `rollout.decide` say what is next, carries it out on threads, again.

One process at a time does it for a deployment (see `leases`); whoever comes after a death goes on from the rows and from
what the engines show.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.db.models import F
from django.utils import timezone

from containers import holds, leases, roles, rollout, spec
from containers.address_work import Readdress
from containers.ending import Broken, StepFailed
from containers.finish import finish
from containers.halting import AfterHalt, Halt
from containers.hooks import closing
from containers.models import NEEDS_SOMEBODY, Deployment, Step
from containers.move_work import Move
from containers.notices import telling
from containers.pulse import Pulse
from containers.recorder.writing import Recorder
from containers.steps.bench import Json, load
from containers.steps.context import Context, topics_of
from containers.steps.patience import Patience
from containers.steps.points import point
from containers.steps.preparing import prepare
from containers.steps.work import Work
from containers.stored import step_views, view_of
from containers.wire import FIRST
from hosts import labels
from hosts.engine import EngineError, connect
from hosts.models import Host
from xqplatform import live

log = logging.getLogger(__name__)
TICK = 0.15  # seconds until a click is seen
LONG_REST = 5.0  # rests longer than this are not waited for by a worker; the beat comes back
THREADS = 64
LEAVING = threading.Event()  # this process is being stopped: let go at once, another one goes on
BEFORE = frozenset({"waiting", "stopped"})  # of a step that is begun, or gone on with after a halt
NO_HOLD: dict[str, Any] = {
    "hold": "",
    "hold_batch": -1,
    "hold_since": None,
    "hold_until": None,
    "hold_why": "",
    "held_until": None,
    "held_why": "",
}
RESTS = frozenset({"failed", "switch_failed"})  # a paused release rests for these
# Where the traffic is sent → what it is meanwhile, afterwards, and when that failed
SWITCH = {"new": ("switching", "switched", "failed"), "old": ("switching_back", "back", "back_fail")}
WORK: dict[str, type[Work]] = {Deployment.Kind.MOVE: Move, Deployment.Kind.ADDRESS: Readdress}
FORCE_SECONDS = 5.0  # a call that hangs is not waited for longer when its instance shall be brought back
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
        self._work = AfterHalt if policy.get("strategy") == "recreate" else WORK.get(row.kind, Work)
        self.recorder = Recorder(pk)
        self.wake = threading.Event()
        self.forward: dict[int, tuple[Future[None], threading.Event]] = {}
        self.backward: dict[int, tuple[Future[None], threading.Event]] = {}
        self.halting: dict[int, tuple[Future[None], threading.Event]] = {}
        self.switching: Future[None] | None = None
        self.role_command = roles.command_of(row)
        self.asking: Future[None] | None = None  # instances are asked what they are
        self.in_order = -2  # the batch before which they were asked last
        self.broken_off: dict[int, float] = {}  # step → since when its thread is waited for
        self.abandoned: list[int] = []  # steps of which a thread hangs in a call
        self.pulling: dict[int, Future[None]] = {}
        self.streams: list[Any] = []  # pulls under way
        self.closing: dict[str, Future[None]] = {}  # hooks after the last batch, by the state that it shall end in
        self.closed: dict[str, bool] = {}  # whether they let it end so
        self.pulls: dict[str, Json] = dict(row.pulls)
        self.pulls_changed = False
        self.why: dict[str, str] = {}  # what gate and freeze say, in words
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"release-{pk}")

    def stop(self) -> None:
        """No thread acts any more when this returns."""
        self.context.halt.set()
        self.context.pulse.close()
        for _future, stop in self._all():
            stop.set()
        for stream in self.streams:
            stream.stop()
        self.pool.shutdown(wait=True, cancel_futures=True)
        if self.abandoned:
            with self.recorder.hearing():
                sweep_steps(self.abandoned)
        self.recorder.store()

    # --- The loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        known: tuple[str, str] | None = None
        look_at = 0.0
        while True:
            if not self.lease.renew() or self.context.halt.is_set() or LEAVING.is_set():
                return
            self._raise_deaths()
            self._save_pulls()
            self.recorder.look()
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
        steps = step_views(row)
        view = self._view(row, steps)
        self._forget(steps)
        now = time.time()
        look_at = now + 2.0
        actions = self._in_order(row, steps, rollout.decide(view, steps, now))
        ready = self._load(actions)
        begun = self._claim(ready)
        for action in actions:
            match action:
                case rollout.Become(state):
                    self._become(row, state, clear=action.clear_asked, hold=action.hold)
                case rollout.Pull(host):
                    self._pull(host)
                case rollout.Run(step):
                    self._begin(step, row, ready, begun)
                case rollout.Halt(step):
                    self._halt(step, row)
                case rollout.Undo(step):
                    self._undo(step)
                case rollout.Skip(step):
                    self._save_step(step, state="skipped")
                case rollout.Rest(until):
                    Deployment.objects.filter(pk=self.pk).update(batch_pause_until=datetime.fromtimestamp(until, UTC))
                    live.bump(*self.context.topics)
                    self.wake.set()
                case rollout.Hold():
                    self._hold(row, action)
                case rollout.Switch(to):
                    self._switch(row, to)
                case rollout.Wait(until):
                    if not self._in_work and (until is None or until - now > LONG_REST):
                        return False, 0
                    look_at = min(look_at, until or look_at)
                case rollout.Finish(state):
                    if not self._in_work and self._closed(row, state):
                        point("before finish")
                        self.recorder.store()
                        finish(self.pk, state, lease=self.lease.text)
                        return False, 0
        return row.state in Deployment.ACTIVE, look_at

    def _in_order(
        self, row: Deployment, steps: Sequence[rollout.StepView], actions: list[rollout.Action]
    ) -> list[rollout.Action]:
        """The actions without what begins a batch before which nobody has been asked what they are: that is done first."""
        if not self.role_command:
            return actions
        fresh = {step.pk: step.batch for step in steps if step.state == "waiting" and not step.touched}
        new = [one.step for one in actions if isinstance(one, rollout.Run) and one.step in fresh]
        if not new or min(fresh[step] for step in new) == self.in_order:
            return actions
        if self.asking is None or self.asking.done():

            def ask() -> None:
                point("before roles")
                self.in_order = roles.settle(row, self.lease)

            self.asking = self._submit(ask)
        return [one for one in actions if not (isinstance(one, rollout.Run) and one.step in new)]

    def _all(self) -> list[tuple[Future[None], threading.Event]]:
        return [*self.forward.values(), *self.backward.values(), *self.halting.values()]

    @property
    def _in_work(self) -> bool:
        switching = self.switching is not None and not self.switching.done()
        asking = self.asking is not None and not self.asking.done()
        return switching or asking or any(not future.done() for future, _stop in self._all())

    def _closed(self, row: Deployment, state: str) -> bool:
        """Whether hooks that come after everything have run; begins them (one that fails makes it fail, while it can)."""
        if state not in self.closing:
            if not closing.due(row, state):
                return True
            self.closing[state] = self._submit(
                lambda: self.closed.update({state: closing.run(self.context, row, state)})
            )
        if not self.closing[state].done() or self.closing[state].exception() is not None:
            return False
        if self.closed.get(state):
            return True
        # One failed the last step, maybe after that was looked at: it is decided anew, and they run again when it was seen to.
        del self.closing[state]
        self.wake.set()
        return False

    def _raise_deaths(self) -> None:
        """What a thread did not expect ends this run (the rows stay as they are, the beat begins another)."""
        switching = [one for one in (self.switching, self.asking) if one is not None]
        steps = (future for future, _stop in self._all())
        for future in [*steps, *self.pulling.values(), *self.closing.values(), *switching]:
            error = future.exception() if future.done() and not future.cancelled() else None
            if error is not None:
                raise error

    def _view(self, row: Deployment, steps: Sequence[rollout.StepView]) -> rollout.View:
        hosts = {step.target_id for step in self._with_instances() if step.action in Step.MAKES}
        pulls = {host: str(self.pulls.get(str(host), {}).get("state", "waiting")) for host in sorted(hosts)}
        view = replace(view_of(row), pulls=pulls)
        batch = rollout.at_gate(view, steps) if row.state == Deployment.State.RUNNING and not row.asked else None
        if batch is None:
            return view
        verdict = holds.gate(row, batch) if batch > row.passed and batch >= 0 else holds.Verdict()
        frozen = holds.freeze(row)
        held = frozen.why if frozen else ""
        self.why = {"freeze": held, "approval": held, "gate": verdict.why, "measuring": verdict.why}
        if frozen is None:
            return replace(view, gate=verdict.state)
        return replace(view, gate=verdict.state, held_why=frozen.why, held_until=frozen.until, held_by=frozen.kind)

    def _with_instances(self) -> list[Step]:
        if not hasattr(self, "_plan"):
            self._plan = list(
                Step.objects.filter(deployment=self.pk).select_related(
                    "instance__host", "instance__address__segment", "image__registry"
                )
            )
        return self._plan

    # --- Acting --------------------------------------------------------------------------------------------------

    def _become(self, row: Deployment, state: str, *, clear: bool, hold: str = "") -> None:
        """Compare and swap: a wish that came meanwhile is not lost."""
        fields: dict[str, Any] = {"state": state}
        if hold:
            fields |= {**NO_HOLD, "hold": hold, "hold_since": timezone.now(), "hold_why": row.hold_why}
        elif state == "rolling_back" or row.hold in RESTS:
            # A hold for a time, or for a click, stands through a pause.
            why = row.hold_why if row.switch == "failed" else "" if row.asked else self.why.get("gate", "")
            fields |= {**NO_HOLD, "hold_why": why}
        if clear:
            fields["asked"] = ""
        if row.started is None and state == "running":
            fields["started"] = timezone.now()
        with transaction.atomic():
            same = Deployment.objects.select_for_update().filter(pk=self.pk)
            same = same.filter(state=row.state, asked=row.asked, lease=self.lease.text)
            # A click may have seen to the failed one in this very moment: then there is nothing to rest for.
            rests = hold != "failed" or Step.objects.filter(NEEDS_SOMEBODY, deployment=self.pk).exists()
            if same.first() is not None and rests and same.update(**fields) and hold:
                telling.rests(self.row, hold, row.hold_why, fields["hold_since"])
        live.bump(*self.context.topics)
        self.wake.set()

    def _submit(self, function: Callable[[], None], step: int = 0, failed: str = "") -> Future[None]:
        def task() -> None:
            try:
                with self.recorder.hearing(step):
                    function()
            except Broken:
                pass
            except Exception as error:
                if not step or not self._gives_up(step, failed, error):
                    raise
            finally:
                connections.close_all()
                self.recorder.soon()
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

    def _claim(self, ready: dict[int, Step]) -> set[int]:
        """Those of the steps that are begun anew, all in one write.

        «creating» says that a step has begun; whoever finds it so has to look first at what is there.
        """
        new = [pk for pk, step in ready.items() if step.state in BEFORE]
        if not new:
            return set()
        rows = Step.objects.filter(pk__in=new, deployment__lease=self.lease.text)
        with transaction.atomic():
            rows.filter(state__in=BEFORE).update(state="creating")
            live.bump(*self.context.topics)
            return set(rows.filter(state="creating").values_list("pk", flat=True))

    def _begin(self, step: int, row: Deployment, ready: dict[int, Step], begun: set[int]) -> None:
        if step not in ready:
            return
        anew, touched = ready[step].state in BEFORE, bool(ready[step].times)
        if anew and step not in begun:
            return  # somebody left it out in this very moment
        self._let_go(row)
        stop = threading.Event()
        fresh = anew and not touched and row.kind in {"deploy", "scale"}
        self.forward[step] = (
            self._submit(lambda: self._work(self.context, ready[step], stop, fresh=fresh).forward(), step, "failed"),
            stop,
        )

    def _let_go(self, row: Deployment) -> None:
        """Something begins, so nothing holds the release any more."""
        if row.batch_pause_until is not None or row.hold:
            Deployment.objects.filter(pk=self.pk).update(batch_pause_until=None, **NO_HOLD)
            row.batch_pause_until, row.hold = None, ""

    def _forget(self, steps: Sequence[rollout.StepView]) -> None:
        """What ended and begins again: a failed one that is tried once more, one that was only stopped."""
        for step in steps:
            if step.state in BEFORE and step.pk in self.forward and self.forward[step.pk][0].done():
                del self.forward[step.pk]
            if step.state != "halting" and step.pk in self.halting and self.halting[step.pk][0].done():
                del self.halting[step.pk]

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
            since = self.broken_off.setdefault(step, time.monotonic())
            if time.monotonic() - since < FORCE_SECONDS:
                return False  # it wakes us when it has let go
            log.warning("Release %s: step %s hangs in a call and is not waited for", self.pk, step)
            self.abandoned.append(step)
            del table[step]
        return True

    def _halt(self, step: int, row: Deployment) -> None:
        if step in self.halting:
            return
        if step in self.forward and not self._broken_off(step):
            return
        ready = load([step])[step]
        was = ready.state
        if was != "halting" and not self._save_step(step, only_if=was, state="halting"):
            return
        self._let_go(row)
        otherwise = "undo_fail" if row.state == Deployment.State.ROLLING_BACK else "failed"
        stop = threading.Event()
        self.halting[step] = (
            self._submit(lambda: Halt(self.context, ready, stop).halt(otherwise), step, otherwise),
            stop,
        )

    def _hold(self, row: Deployment, action: rollout.Hold) -> None:
        """Notes what holds the release; a click that came meanwhile is taken up first."""
        until = datetime.fromtimestamp(action.until, UTC) if action.until is not None else None
        why = self.why.get(action.kind, "")
        frozen = {"held_until": until, "held_why": why} if action.kind in {"freeze", "approval"} else {}
        rows = Deployment.objects.filter(pk=self.pk, state=row.state, asked="", lease=self.lease.text)
        with transaction.atomic():
            if rows.update(
                hold=action.kind,
                hold_batch=action.batch,
                hold_since=timezone.now(),
                hold_until=until,
                hold_why=why,
                **frozen,
            ):
                telling.held(self.row, action.kind, action.batch, why, until)
        live.bump(*self.context.topics)
        point(f"held by {action.kind}")
        self.wake.set()

    def _switch(self, row: Deployment, to: str) -> None:
        """Sends the traffic to the other side, on a thread. Whoever comes after a death sends it there once more."""
        if self.switching is not None and not self.switching.done():
            return
        going, good, bad = SWITCH[to]
        rows = Deployment.objects.filter(pk=self.pk, asked="", lease=self.lease.text, state=row.state)
        if row.switch != going and not rows.update(switch=going, **NO_HOLD):
            return  # somebody asked for something in this very moment
        row.switch = going
        live.bump(*self.context.topics)

        def task() -> None:
            point("before switch")
            try:
                holds.switch(row, to)
            except holds.SwitchFailed as error:
                fields: dict[str, Any] = {"switch": bad, "hold_why": str(error)}
            except (Broken, DatabaseError):
                raise
            except Exception as error:  # else it would be begun again for ever: the way back switches, too
                log.exception("Release %s: the switch met an unforeseen error", self.pk)
                fields = {"switch": bad, "hold_why": f"{type(error).__name__}: {error}"}
            else:
                fields = {"switch": good}
            point("after switch")
            Deployment.objects.filter(pk=self.pk, switch=going, lease=self.lease.text).update(**fields)
            live.bump(*self.context.topics)

        self.switching = self._submit(task)

    def _undo(self, step: int) -> None:
        if not self._broken_off(step) or step in self.backward:
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
        frozen = Deployment.objects.filter(pk=self.pk, hold__in=["freeze", "approval"], lease=self.lease.text)
        frozen.update(**NO_HOLD)  # it is over

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
                asked = None
                if any(segment.probe for segment in segments.values()) and any(s.action == "add" for s in mine):
                    asked = self.context.wire.ask(host)  # meanwhile: does anybody have the new addresses?
                for image in images.values():
                    prepare(engine, image, None, patience, progress=progress, on_stream=self.streams.append)
                if asked is not None:
                    asked.asking.wait(FIRST)
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
