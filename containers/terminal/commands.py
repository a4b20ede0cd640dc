"""One-off commands in instances: start, cancel, carry out, and what cleans up after a dead worker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import known
from containers.models import CommandPiece, CommandRun, Instance
from containers.terminal import access
from containers.terminal.output import Output
from hosts import execs
from hosts.engine import EngineError, connect
from hosts.helper import NoHelper
from xqplatform import audit, leases, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
State = CommandRun.State
LONGEST = 3600  # seconds that a command may take
USUAL = 60
MOST_AT_ONCE = 12  # commands under way: each holds a thread of a worker
MOST_OF_ONE = 3  # of one person
STORE_EVERY = 0.5  # seconds
FORGOTTEN = timedelta(seconds=4)  # after which one that nobody took is enqueued again
AGAIN = timedelta(seconds=30)
STARTING = timedelta(seconds=90)
GIVE_UP = timedelta(days=1)
RESULTS = {"timeout": State.TIMEOUT, "cancelled": State.CANCELLED}


def rows() -> Any:
    return CommandRun.objects.select_related(
        "instance__place__service__team", "instance__place__environment", "host", "person"
    )


def check(argv: Sequence[str], timeout: int) -> list[str]:
    """The command's words as they are stored. Raises Refused."""
    words = [str(word) for word in argv]
    if not words or not words[0].strip():
        raise Refused(_("Name the command to run."), "argv", 400)
    if len(words) > 200 or sum(map(len, words)) > 20_000 or any("\0" in word for word in words):
        raise Refused(_("The command is too long."), "argv", 400)
    try:
        "".join(words).encode()
    except UnicodeEncodeError as error:
        raise Refused(_("The command is no text."), "argv", 400) from error
    if not 1 <= timeout <= LONGEST:
        raise Refused(_("A command may take from 1 to %(n)d seconds.") % {"n": LONGEST}, "timeout", 400)
    return words


def _told(word: str) -> str:
    """A word that nobody has checked, as an event can have it: a database that refuses it would lose the denied attempt."""
    return word[:200].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def start(
    actor: Actor, instance: Instance, argv: Sequence[str], timeout: int = USUAL, reason: str = "", *, here: bool = False
) -> CommandRun:
    """Runs a command once in the instance's container, on a worker. Raises Denied, Refused.

    `here`: the caller carries it out itself, in this process.
    """
    hide = known.of_instance(instance.pk)
    access.must(actor, instance, {"argv": [_told(hide(str(word))) for word in argv[:20]]}, access.COMMAND)
    words, reason = check(argv, timeout), access.reason_for(instance, reason)
    engine_id = access.container_of(instance)
    with transaction.atomic():
        _room_for(actor)
        run = CommandRun.objects.create(
            instance=instance, host=instance.host, engine_id=engine_id, person=actor.user, who=actor.name, via=actor.via,
            reason=reason, argv=words, timeout=timeout, lease=leases.own_text() if here else "",
            lease_until=leases.until() if here else None,
        )  # fmt: skip
        after = {"argv": [hide(word) for word in words], "timeout": timeout, "container": engine_id[:12]}
        audit.record(actor, "instance.command", run, after=after, reason=reason, parent=instance, name=_name(run))
        if not here:
            from containers.terminal import tasks

            work.enqueue(tasks.run_command, run.pk)
    live.bump(f"instance:{instance.pk}")
    return run


def _name(run: CommandRun) -> str:
    """As events call it: without secrets, also such as the cut would leave half."""
    return known.of_instance(run.instance_id)(f"{run.instance.name}: {run.line}")[:120]


def _room_for(actor: Actor) -> None:
    active = CommandRun.objects.filter(state__in=CommandRun.ACTIVE)
    if active.count() >= MOST_AT_ONCE:
        raise Refused(
            _("%(n)d commands run already, and no more are run at once: wait for one.") % {"n": MOST_AT_ONCE}, code=429
        )
    if actor.user is not None and active.filter(person=actor.user).count() >= MOST_OF_ONE:
        raise Refused(
            _("%(n)d of your commands run already: wait for one, or cancel it.") % {"n": MOST_OF_ONE}, code=429
        )


def cancel(actor: Actor, run: CommandRun) -> CommandRun:
    """Asks for its end; it is ended inside within moments. Raises Denied, Refused."""
    access.must(actor, run.instance, {"command": run.pk}, access.COMMAND)
    with transaction.atomic():
        if not ask_end(actor, run):
            raise Refused(_("The command has ended already."))
    run.refresh_from_db()
    return run


def ask_end(actor: Actor, run: CommandRun) -> bool:
    """Without a question about rights: part of a verb that asked one. In a transaction. False: it has ended already."""
    if not CommandRun.objects.filter(pk=run.pk, state__in=CommandRun.ACTIVE).update(asked=actor.name):
        return False
    audit.record(actor, "instance.command.cancel", run, after={"who": run.who}, parent=run.instance, name=_name(run))
    free = CommandRun.objects.filter(pk=run.pk, state=State.QUEUED, lease="")
    if free.update(lease=leases.own_text(), lease_until=leases.until()):
        _finish(run.pk, State.CANCELLED)
    return True


# --- On a worker -----------------------------------------------------------------------------------------------------------


class Follower:
    """Stores the output while the command runs, and asks whether it shall end. Called by the watching thread only."""

    def __init__(self, pk: int, output: Output, lease: leases.Lease, told: Callable[[str], None] | None) -> None:
        self.pk, self.output, self.lease, self.told = pk, output, lease, told
        self.pieces, self._next = 0, 0.0
        self.instance = CommandRun.objects.values_list("instance", flat=True).get(pk=pk)
        output.hide = known.of_instance(self.instance)

    def cancelled(self) -> bool:
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + STORE_EVERY
        try:
            self.output.hide = known.of_instance(self.instance)
            self.store(self.output.take())
            self.lease.renew()
            return CommandRun.objects.filter(pk=self.pk).exclude(asked="").exists()
        except Exception as error:  # the database is away: the next look makes up for it
            log.warning("Command %d: nothing stored now: %s", self.pk, error)
            return False
        finally:
            connections.close_all()

    def store_rest(self) -> None:
        self.store(self.output.take(last=True))

    def store(self, text: str) -> None:
        if not text:
            return
        CommandPiece.objects.create(run_id=self.pk, number=self.pieces, text=text)
        CommandRun.objects.filter(pk=self.pk).update(size=self.output.size, kept=self.output.kept)
        self.pieces += 1
        live.bump(f"command:{self.pk}")
        if self.told:
            self.told(text)


def carry_out(pk: int, told: Callable[[str], None] | None = None, lease: str = "") -> None:
    """Runs a queued command to its end; returns at once while another living process has it. `told` gets the output, too."""
    mine = CommandRun.objects.filter(pk=pk)
    free = mine.filter(state=State.QUEUED, asked="")
    held = leases.Lease(mine, lease) if lease else leases.take(free, mine)
    now = timezone.now()
    # The first renewal comes with the first look, after the engine has started it.
    changes = {"state": State.RUNNING, "started": now, "loose": True, "lease_until": now + STARTING}
    if held is None or not free.filter(lease=held.text).update(**changes):
        return
    run = rows().get(pk=pk)
    live.bump(f"command:{pk}")
    follower = Follower(pk, Output(), held, told)
    try:
        ran = execs.run(
            connect(run.host), run.engine_id, run.argv, timeout=run.timeout,
            on_output=lambda _channel, data: follower.output.add(data), cancelled=follower.cancelled,
            env={"XQ_COMMAND": str(pk)}, on_made=lambda made: _made(pk, made),
        )  # fmt: skip
    except EngineError as error:
        _end(follower, State.ERRORED, words=error.words, loose=error.out_of_reach)
    except NoHelper as error:
        words = _("It was to be ended and may still run: %(text)s") % {"text": error}
        _end(follower, State.ERRORED, words=words, loose=True)
    else:
        state = RESULTS.get(ran.how) or (State.SUCCEEDED if ran.ok else State.FAILED)
        _end(follower, state, code=ran.code)


def _made(pk: int, exec_id: str) -> None:
    CommandRun.objects.filter(pk=pk).update(exec_id=exec_id)


def _end(
    follower: Follower, state: CommandRun.State, *, code: int | None = None, words: str = "", loose: bool = False
) -> None:
    follower.store_rest()
    _finish(follower.pk, state, code=code, words=words, loose=loose, size=follower.output.size)


def _finish(
    pk: int,
    state: CommandRun.State,
    *,
    code: int | None = None,
    words: str = "",
    loose: bool = False,
    size: int | None = None,
) -> bool:
    now = timezone.now()
    with transaction.atomic():
        changes: dict[str, Any] = {"state": state, "ended": now, "exit_code": code, "words": words, "loose": loose}
        changes |= {"lease": "", "lease_until": None} | ({} if size is None else {"size": size})
        if not CommandRun.objects.filter(pk=pk, state__in=CommandRun.ACTIVE).update(**changes):
            return False
        run = rows().get(pk=pk)
        hide = known.of_instance(run.instance_id)
        run.argv = [hide(word) for word in run.argv]  # it was needed as it was until now
        CommandRun.objects.filter(pk=pk).update(argv=run.argv)
        after: dict[str, Any] = {"state": str(state), "who": run.who, "bytes": run.size}
        after |= {"seconds": round(run.seconds, 1)} if run.seconds is not None else {}
        after |= {"exit": code} if code is not None else {}
        audit.record(
            Actor.system("commands"), "instance.command.finish", run, after=after, parent=run.instance, name=_name(run)
        )
    live.bump(f"command:{pk}", f"instance:{run.instance_id}")
    return True


def end_inside(pk: int) -> bool:
    """Ends what may still run of it. False: that could not be done now, and will be tried again."""
    run = rows().get(pk=pk)
    try:
        if run.exec_id:
            execs.end(connect(run.host), run.engine_id, run.exec_id, mark=f"XQ_COMMAND={pk}")
    except (EngineError, NoHelper) as error:
        log.warning("What command %d left in %s could not be ended yet: %s", pk, run.instance, error)
        given_up = run.ended is not None and run.ended < timezone.now() - GIVE_UP
        CommandRun.objects.filter(pk=pk).update(lease_until=timezone.now() + AGAIN, loose=not given_up)
        return False
    CommandRun.objects.filter(pk=pk).update(loose=False)
    return True


def sweep() -> int:
    """Enqueues again what nobody took, finishes what dead workers ran; how many. Cheap when there is nothing."""
    from containers.terminal import tasks

    found, now = 0, timezone.now()
    for run in CommandRun.objects.filter(state__in=CommandRun.ACTIVE).only(
        "pk", "state", "asked", "created", "lease", "lease_until"
    ):
        if leases.is_held(run):
            continue
        if run.state == State.RUNNING:
            words = _("The worker that ran it died: how it ended is not known, and what it still did was ended.")
            found += _finish(run.pk, State.ERRORED, words=words, loose=True)
        elif run.created < now - FORGOTTEN:
            tasks.run_command.delay(run.pk)
            found += 1
    due = Q(lease_until=None) | Q(lease_until__lt=now)
    for pk in (
        CommandRun.objects.filter(due, loose=True).exclude(state__in=CommandRun.ACTIVE).values_list("pk", flat=True)
    ):
        end_inside(pk)
    return found
