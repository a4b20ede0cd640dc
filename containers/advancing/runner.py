"""Advances one deployment: reads the rows, lets `rollout.decide` say what is next, carries it out on threads, again.

One process at a time does it for a deployment (see `leases`); whoever comes after a death goes on from the rows and from
what the engines show.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from django.db import DatabaseError

from containers import holds, leases, roles, rollout
from containers.advancing.crew import Crew, sweep_steps
from containers.advancing.pulls import Pulls
from containers.advancing.rows import NO_HOLD, Rows
from containers.advancing.threads import Threads
from containers.ending import Broken
from containers.finish import finish
from containers.hooks import closing
from containers.models import Deployment
from containers.pulse import Pulse
from containers.recorder.writing import Recorder
from containers.steps.context import Context
from containers.steps.points import point
from containers.stored import step_views, view_of
from xqplatform import live

log = logging.getLogger(__name__)
TICK = 0.15  # seconds until a click is seen
LONG_REST = 5.0  # rests longer than this are not waited for by a worker; the beat comes back
LEAVING = threading.Event()  # this process is being stopped: let go at once, another one goes on
# Where the traffic is sent → what it is meanwhile, afterwards, and when that failed
SWITCH = {"new": ("switching", "switched", "failed"), "old": ("switching_back", "back", "back_fail")}


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
        policy = row.policy
        self.wake = threading.Event()
        self.recorder = Recorder(pk)
        self.rows = Rows(row, lease, self.wake)
        self.context = Context(
            deployment=pk,
            kind=row.kind,
            order=str(policy.get("order", "stop-first")),
            deadline=float(policy.get("deadline", 60)),
            lease=lease,
            topics=self.rows.topics,
            pulse=Pulse(pk),
        )
        self.threads = Threads(pk, lease, self.recorder, self.wake)
        self.crew = Crew(self.context, self.rows, self.threads)
        self.pulls = Pulls(self.context, self.rows, self.threads)
        self.switching: Future[None] | None = None
        self.role_command = roles.command_of(row)
        self.asking: Future[None] | None = None  # instances are asked what they are
        self.in_order = -2  # the batch before which they were asked last
        self.closing: dict[str, Future[None]] = {}  # hooks after the last batch, by the state that it shall end in
        self.closed: dict[str, bool] = {}  # whether they let it end so

    def stop(self) -> None:
        """No thread acts any more when this returns."""
        self.context.halt.set()
        self.context.pulse.close()
        self.crew.stop()
        self.pulls.stop()
        self.threads.stop()
        if self.crew.abandoned:
            with self.recorder.hearing():
                sweep_steps(self.crew.abandoned)
        self.recorder.store()

    # --- The loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        known: tuple[str, str] | None = None
        look_at = 0.0
        while True:
            if not self.lease.renew() or self.context.halt.is_set() or LEAVING.is_set():
                return
            self._raise_deaths()
            self.pulls.save()
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
        self.crew.forget(steps)
        now = time.time()
        look_at = now + 2.0
        actions = self._in_order(row, steps, rollout.decide(view, steps, now))
        ready = self.crew.load(actions)
        begun = self.crew.claim(ready)
        for action in actions:
            match action:
                case rollout.Become(state):
                    self.rows.become(row, state, clear=action.clear_asked, hold=action.hold)
                case rollout.Pull(host):
                    self.pulls.begin(host)
                case rollout.Run(step):
                    self.crew.begin(step, row, ready, begun)
                case rollout.Halt(step):
                    self.crew.halt(step, row)
                case rollout.Undo(step):
                    self.crew.undo(step)
                case rollout.Skip(step):
                    self.rows.save_step(step, state="skipped")
                case rollout.Rest(until):
                    self.rows.rest(until)
                case rollout.Hold():
                    self.rows.hold(row, action)
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

            self.asking = self.threads.submit(ask)
        return [one for one in actions if not (isinstance(one, rollout.Run) and one.step in new)]

    @property
    def _in_work(self) -> bool:
        switching = self.switching is not None and not self.switching.done()
        asking = self.asking is not None and not self.asking.done()
        return switching or asking or any(not future.done() for future in self.crew.futures())

    def _closed(self, row: Deployment, state: str) -> bool:
        """Whether hooks that come after everything have run; begins them (one that fails makes it fail, while it can)."""
        if state not in self.closing:
            if not closing.due(row, state):
                return True
            self.closing[state] = self.threads.submit(
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
        steps, pulls = self.crew.futures(), self.pulls.running.values()
        for future in [*steps, *pulls, *self.closing.values(), *switching]:
            error = future.exception() if future.done() and not future.cancelled() else None
            if error is not None:
                raise error

    def _view(self, row: Deployment, steps: Sequence[rollout.StepView]) -> rollout.View:
        view = replace(view_of(row), pulls=self.pulls.states())
        batch = rollout.at_gate(view, steps) if row.state == Deployment.State.RUNNING and not row.asked else None
        if batch is None:
            return view
        verdict = holds.gate(row, batch) if batch > row.passed and batch >= 0 else holds.Verdict()
        frozen = holds.freeze(row)
        held = frozen.why if frozen else ""
        self.rows.why = {"freeze": held, "approval": held, "gate": verdict.why, "measuring": verdict.why}
        if frozen is None:
            return replace(view, gate=verdict.state)
        return replace(view, gate=verdict.state, held_why=frozen.why, held_until=frozen.until, held_by=frozen.kind)

    def _switch(self, row: Deployment, to: str) -> None:
        """Sends the traffic to the other side, on a thread. Whoever comes after a death sends it there once more."""
        if self.switching is not None and not self.switching.done():
            return
        going, good, bad = SWITCH[to]
        rows = Deployment.objects.filter(pk=self.pk, asked="", lease=self.lease.text, state=row.state)
        if row.switch != going and not rows.update(switch=going, **NO_HOLD):
            return  # somebody asked for something in this very moment
        row.switch = going
        live.bump(*self.rows.topics)

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
            live.bump(*self.rows.topics)

        self.switching = self.threads.submit(task)
