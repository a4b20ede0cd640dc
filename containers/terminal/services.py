"""Verbs of terminals: ask for one, a ticket, let a socket in, begin, finish, end; and what cleans up after dead processes."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.models import Instance, Terminal
from containers.terminal import access, tickets
from hosts import execs
from hosts.engine import EngineError, connect
from hosts.helper import NoHelper
from xqplatform import audit, leases, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
OPENING = timedelta(seconds=60)  # that may pass until a terminal that was asked for has its socket
AGAIN = timedelta(seconds=30)  # between two tries to end what is left inside
GIVE_UP = timedelta(days=1)
HELD = timedelta(seconds=60)
BY_PERSON = {Terminal.Why.EXIT, Terminal.Why.ASKED}
ROWS = ("instance__place__service__team", "instance__place__environment", "host", "person")


def limits_in_words() -> dict[str, int]:
    """The limits as pages tell them: minutes and counts."""
    return {
        "idle": settings.TERMINAL_IDLE // 60,
        "total": settings.TERMINAL_TOTAL // 60,
        "away": settings.TERMINAL_AWAY,
        "days": settings.RECORDING_DAYS,
    }


def lease_end() -> datetime:
    """Until when a terminal is held. Longer than other leases: what depends on it is somebody's open shell, and a process that is
    dead is known at once on its own machine.
    """
    return timezone.now() + HELD


def rows() -> Any:
    """Terminals with all that is asked of them."""
    return Terminal.objects.select_related(*ROWS)


def ask(actor: Actor, instance: Instance, reason: str = "") -> Terminal:
    """A terminal into the instance's container, to be opened by its page within a minute. Raises Denied, Refused."""
    access.must(actor, instance)
    engine_id = access.container_of(instance)
    reason = access.reason_for(instance, reason)
    if actor.user is None:
        raise Refused(_("A terminal belongs to a person."), code=400)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=actor.user.pk)  # one asking after the other
        _room_for(actor)
        row = Terminal.objects.create(
            instance=instance, host=instance.host, engine_id=engine_id, person=actor.user, who=actor.name,
            ip=actor.ip, reason=reason, with_input=settings.TERMINAL_RECORD_INPUT,
        )  # fmt: skip
    live.bump(f"instance:{instance.pk}")
    return row


def _room_for(actor: Actor) -> None:
    mine = Terminal.objects.filter(person=actor.user, state=Terminal.State.OPEN).count()
    soon = Terminal.objects.filter(
        person=actor.user, state=Terminal.State.OPENING, created__gt=timezone.now() - OPENING
    ).count()
    if mine + soon >= settings.TERMINALS_A_PERSON:
        words = _("You have %(n)d terminals open, and no more are allowed: end one first.")
        raise Refused(words % {"n": mine + soon}, code=429)


def own(actor: Actor, pk: int) -> Terminal:
    """One's own terminal. Raises Http404 for another person's, and records the attempt."""
    row: Terminal = get_visible(actor, rows(), pk=pk)
    if actor.user is None or row.person_id != actor.user.pk:
        audit.record(actor, access.RIGHT, row.instance, denied=True, after={"terminal": row.pk})
        raise Http404
    return row


def ticket(actor: Actor, pk: int) -> str:
    """A ticket for the next socket of one's own terminal; it displaces the one before. Raises Http404, Denied, Refused."""
    row = own(actor, pk)
    access.must(actor, row.instance, {"terminal": row.pk})
    if not row.active:
        raise Refused(_("This terminal has ended: %(why)s.") % {"why": row.get_why_display()}, code=410)
    made = tickets.make()
    until = timezone.now() + timedelta(seconds=tickets.SECONDS)
    Terminal.objects.filter(pk=row.pk).update(ticket=tickets.digest(made), ticket_until=until)
    return made


def admit(actor: Actor, pk: int, given: str) -> Terminal:
    """Lets a socket in that brings a good ticket, which is used up by it. Raises Http404, Denied, Refused."""
    row = own(actor, pk)
    access.must(actor, row.instance, {"terminal": row.pk})
    good = Terminal.objects.filter(pk=row.pk, ticket=tickets.digest(given), ticket_until__gt=timezone.now())
    if not given or not good.update(ticket="", ticket_until=None):
        audit.record(actor, access.RIGHT, row.instance, denied=True, after={"terminal": row.pk, "ticket": "not valid"})
        raise Refused(_("The ticket is used up or too old."), code=403)
    if not row.active:
        raise Refused(_("This terminal has ended: %(why)s.") % {"why": row.get_why_display()}, code=410)
    return row


def take(row: Terminal, lease: str) -> None:
    """Takes a terminal that is to be opened for this process. Raises Refused when another one does it."""
    free = Terminal.objects.filter(pk=row.pk, state=Terminal.State.OPENING, lease="")
    if not free.update(lease=lease, lease_until=lease_end()):
        raise Refused(_("This terminal is being opened already."), code=409)
    row.lease = lease


def begin(actor: Actor, row: Terminal, exec_id: str, shell: str, size: tuple[int, int]) -> None:
    """Notes, before the shell starts, that it is open, and who opened it and why."""
    now = timezone.now()
    with transaction.atomic():
        Terminal.objects.filter(pk=row.pk).update(
            state=Terminal.State.OPEN,
            opened=now,
            exec_id=exec_id,
            shell=shell,  # our own word  # nosec B604
            columns=size[0],
            rows=size[1],
            loose=True,
        )
        after = {"container": row.engine_id[:12], "host": row.host.name, "shell": shell}
        audit.record(actor, "terminal.open", row, after=after, reason=row.reason, parent=row.instance)
    row.state, row.opened, row.exec_id, row.shell = Terminal.State.OPEN, now, exec_id, shell
    row.columns, row.rows = size
    live.bump(f"instance:{row.instance_id}")


def finish(pk: int, why: Terminal.Why, words: str = "", code: int | None = None, **counts: int) -> bool:
    """Notes that it has ended, with its event. False: somebody had noted it before."""
    row = rows().get(pk=pk)
    now = timezone.now()
    with transaction.atomic():
        changed = Terminal.objects.filter(pk=pk, state__in=Terminal.ACTIVE).update(
            state=Terminal.State.ENDED, ended=now, why=why, words=words, exit_code=code, ticket="", **counts
        )
        if changed and row.opened:
            person = row.person if why in BY_PERSON and row.asked in {"", row.who} else None
            actor = Actor.person(person, via="page") if person else Actor.system("terminals")
            after: dict[str, Any] = {
                "who": row.who,
                "why": str(why),
                "seconds": round((now - row.opened).total_seconds()),
            }
            after |= {"bytes": counts.get("bytes_out", row.bytes_out), "typed": counts.get("bytes_in", row.bytes_in)}
            if code is not None:
                after["exit"] = code
            audit.record(actor, "terminal.close", row, after=after, parent=row.instance)
    live.bump(f"instance:{row.instance_id}", f"terminal:{pk}")
    return bool(changed)


def end_inside(pk: int) -> bool:
    """Ends what still runs of it in its container. False: that could not be done now, and will be tried again."""
    row = rows().get(pk=pk)
    if not row.exec_id:
        return True
    try:
        execs.end(connect(row.host), row.engine_id, row.exec_id, "HUP", f"XQ_TERMINAL={row.pk}")
    except (EngineError, NoHelper) as error:
        log.warning("What terminal %d left in %s could not be ended yet: %s", pk, row.instance, error)
        given_up = row.ended is not None and row.ended < timezone.now() - GIVE_UP
        Terminal.objects.filter(pk=pk).update(lease="", lease_until=timezone.now() + AGAIN, loose=not given_up)
        return False
    Terminal.objects.filter(pk=pk).update(loose=False, lease="")
    return True


def end(actor: Actor, pk: int) -> Terminal:
    """Asks for its end: one's own, or anybody's by who may operate on hosts. Raises Http404, Denied, Refused."""
    row: Terminal = get_visible(actor, rows(), pk=pk)
    others = actor.user is None or row.person_id != actor.user.pk
    if others:
        require(actor, "host.operate", obj=row.instance)
    if not row.active:
        return row
    with transaction.atomic():
        ask_end(actor, row)
        if others:
            audit.record(actor, "terminal.end", row, after={"who": row.who}, parent=row.instance)
    row.asked = actor.name
    return row


def ask_end(actor: Actor, row: Terminal) -> None:
    """Without a question about rights: part of a verb that asked one. Whoever has it open looks every other second."""
    Terminal.objects.filter(pk=row.pk).update(asked=actor.name)
    if row.state == Terminal.State.OPENING and not row.lease:
        finish(row.pk, Terminal.Why.NEVER)


def sweep() -> int:
    """Finishes the terminals of dead web processes and ends their shells; how many. Cheap when there is nothing."""
    found, now = 0, timezone.now()
    for row in Terminal.objects.filter(state__in=Terminal.ACTIVE).only(
        "pk", "state", "created", "lease", "lease_until"
    ):
        if leases.is_held(row):
            continue
        if row.lease:
            found += finish(row.pk, Terminal.Why.PLATFORM)
        elif row.created < now - OPENING:
            finish(row.pk, Terminal.Why.NEVER)
    left = Terminal.objects.filter(loose=True, state=Terminal.State.ENDED)
    for row in left.only("pk", "lease", "lease_until", "ended"):
        # The process that has it is at it, or the next try is not due.
        waits = row.lease_until is not None and row.lease_until > now and not leases.is_dead(row.lease)
        if not waits:
            end_inside(row.pk)
    return found
