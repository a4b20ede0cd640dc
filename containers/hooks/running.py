"""Runs hooks of a change: tries, pauses, holds, and notes all of it in the hook's row.

At least once: a worker that dies in a try leaves «running», and the next one tries again with the same key. A hook that has
succeeded is not run again, whoever comes by it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any

from django.db import connections
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import known
from containers.ending import Broken, StepFailed
from containers.hooks import judge, kinds
from containers.hooks.kinds import Outcome, Setting
from containers.hooks.output import clean, kept
from containers.hooks.shape import Hook
from containers.models import Deployment, HookRun
from xqplatform import live

log = logging.getLogger(__name__)
TICK = 0.1
LATE = 15.0  # seconds after its time in which a try may still say something
HELD_TICK = 0.5
MOST_ATTEMPTS = 32_000  # that are counted: the sweep tries once a minute for as long as it takes


@dataclass
class Guard:
    """The change that a run is part of: nothing is written once its lease is another process's."""

    deployment: int | None
    lease: str
    check: Callable[[], object]  # raises Broken
    sleep: Callable[[float], object]  # raises Broken
    topics: tuple[str, ...] = ()

    def write(self, run: HookRun, **fields: Any) -> None:
        """Raises Broken when the release is another process's by now."""
        for name, value in fields.items():
            setattr(run, name, value)
        rows = HookRun.objects.filter(pk=run.pk)
        if self.deployment is not None:
            rows = rows.filter(deployment__lease=self.lease)
        if not rows.update(**fields):
            raise Broken
        live.bump(*self.topics)

    def wish(self) -> str:
        """What somebody asked of the release meanwhile."""
        if self.deployment is None:
            return ""
        return Deployment.objects.filter(pk=self.deployment).values_list("asked", flat=True).first() or ""


def run(
    row: HookRun, hook: Hook, setting: Setting, guard: Guard, act: Callable[[Hook, Setting], Outcome] = kinds.attempt
) -> None:
    """Sees the hook through. Raises StepFailed when it failed and that is to fail the step, or Broken.

    `act`: one try. What holds and comes back by itself (nginx) is tried again while it holds.
    """
    if row.state in HookRun.DONE:
        return
    if row.state == HookRun.State.FAILED:
        raise StepFailed(_words(hook, row.words))
    failed = 0
    while True:
        if row.state == HookRun.State.HELD:
            if _held(row, hook, setting, guard, act):
                return
            failed = 0
        outcome = _try(row, hook, setting, guard, act)
        if not outcome.ok:
            failed += 1
        verdict = judge.after(hook, failed, ok=outcome.ok, again=outcome.again)
        if verdict.next == "done":
            return guard.write(row, state=HookRun.State.SUCCEEDED, ended=timezone.now(), words=outcome.words)
        if verdict.next == "again":
            guard.write(row, words=outcome.words)
            guard.sleep(verdict.pause)
        elif verdict.next == "hold":
            guard.write(row, state=HookRun.State.HELD, words=outcome.words, asked="", ended=timezone.now())
        else:
            return _over(row, hook, guard, verdict.next, outcome.words)


def once(row: HookRun, hook: Hook, setting: Setting, guard: Guard) -> bool:
    """One try outside of any change, and its end in the row; whether it succeeded."""
    outcome = _try(row, hook, setting, guard, kinds.attempt)
    state = HookRun.State.SUCCEEDED if outcome.ok else HookRun.State.FAILED
    guard.write(row, state=state, ended=timezone.now(), words=outcome.words)
    return outcome.ok


def _over(row: HookRun, hook: Hook, guard: Guard, how: str, words: str) -> None:
    state = HookRun.State.PASSED if how == "pass" else HookRun.State.FAILED
    guard.write(row, state=state, ended=timezone.now(), words=words)
    if state == HookRun.State.FAILED:
        raise StepFailed(_words(hook, words))


def _words(hook: Hook, words: str) -> str:
    return _("Hook «%(name)s» (%(point)s): %(words)s") % {"name": hook.name, "point": hook.at, "words": words}


def _try(row: HookRun, hook: Hook, setting: Setting, guard: Guard, act: Callable[[Hook, Setting], Outcome]) -> Outcome:
    """One try, on a thread of its own: a rollback need not wait for a hook that hangs."""
    guard.check()
    attempt = min(row.attempts + 1, MOST_ATTEMPTS)
    guard.write(row, state=HookRun.State.RUNNING, attempts=attempt, started=timezone.now(), ended=None, asked="")
    setting.facts |= {"key": row.key, "attempt": attempt}
    left = threading.Event()
    setting.leave = left.is_set
    answers: list[Outcome] = []

    def work() -> None:
        try:
            answers.append(act(hook, setting))
        except Broken:
            return  # whoever waits for it has been told
        except Exception as error:
            log.exception("Hook run %s met an unforeseen error", row.pk)
            answers.append(Outcome(False, words=f"{type(error).__name__}: {error}"))
        finally:
            connections.close_all()

    thread = threading.Thread(target=copy_context().run, args=(work,), name=f"hook-{row.pk}", daemon=True)
    thread.start()
    until = time.monotonic() + hook.timeout + LATE
    try:
        while thread.is_alive() and time.monotonic() < until:
            thread.join(TICK)
            guard.check()
    finally:
        left.set()
    outcome = answers[0] if answers else Outcome(False, words=_("It did not end in time."))
    hide = known.of_place(row.place_id)
    outcome = replace(outcome, output=hide(clean(outcome.output, [setting.secret])), words=hide(outcome.words))
    output, cut = kept(row.output, attempt, outcome.output)
    guard.write(row, output=output, truncated=row.truncated or cut or outcome.truncated, code=outcome.code)
    return outcome


def _held(row: HookRun, hook: Hook, setting: Setting, guard: Guard, act: Callable[[Hook, Setting], Outcome]) -> bool:
    """Waits until somebody says how it goes on. True: it is over; False: try again. Raises StepFailed or Broken."""
    since = row.ended or timezone.now()
    again = time.monotonic() + judge.HELD_RETRY
    while True:
        guard.sleep(HELD_TICK)
        asked = HookRun.objects.filter(pk=row.pk).values_list("asked", flat=True).first() or ""
        found = judge.held(asked, guard.wish(), (timezone.now() - since).total_seconds())
        if found == "again":
            return False
        if found is not None:
            _over(row, hook, guard, found, row.words)
            return True
        if hook.kind == "nginx" and time.monotonic() > again:
            outcome = act(hook, setting)
            if outcome.ok:
                guard.write(row, state=HookRun.State.SUCCEEDED, ended=timezone.now(), words="", output=outcome.output)
                return True
            guard.write(row, words=outcome.words)
            again = time.monotonic() + judge.HELD_RETRY
