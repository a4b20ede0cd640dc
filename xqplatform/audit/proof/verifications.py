"""Verifying the whole log as work that survives a kill: a row with its progress; what it found is shown and alerted."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform import audit, leases, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.audit.chain import linking, verifying
from xqplatform.audit.chain.judge import Fault, Judge
from xqplatform.audit.models import Archive, Event, Outlet, Unlinked, Verification

RIGHT = "audit.read"
NAMED = 200  # faults that the row names
TOPIC = "audit:verify"
LATE = timedelta(minutes=5)  # after which an event without a link is told of


class Lost(Exception):
    """Somebody else goes on with it."""


def start(actor: Actor) -> Verification:
    """Begins one, or gives the one that runs. Raises Denied."""
    require(actor, RIGHT)
    with transaction.atomic():
        linking.lock()  # two who ask at once begin one
        running = Verification.objects.filter(state=Verification.State.RUNNING).first()
        if running is not None:
            return running
        row = Verification.objects.create(by=actor.name)
        audit.record(actor, "audit.verify", None)
        _enqueue(row.pk)
    live.bump(TOPIC)
    return row


def _enqueue(pk: int) -> None:
    from xqplatform.audit.tasks import verify

    work.enqueue(verify, pk)


def resume() -> None:
    """Goes on with what nobody carries out; begins one when the last is too old."""
    rows = list(Verification.objects.filter(state=Verification.State.RUNNING))
    for row in rows:
        if not leases.is_held(row):
            _enqueue(row.pk)
    hours = settings.AUDIT_VERIFY_HOURS
    if rows or not hours:
        return
    last = Verification.objects.values_list("began", flat=True).first()
    if last is None or timezone.now() - last >= timedelta(hours=hours):
        start(Actor.system())


def run(pk: int) -> None:
    """Verifies, or goes on where another left off, unless somebody does so already."""
    rows = Verification.objects.filter(pk=pk)
    lease = leases.take(rows.filter(state=Verification.State.RUNNING), rows)
    if lease is None:
        return
    try:
        _run(rows.get(), lease)
    except Lost:
        return
    finally:
        lease.release()
        live.bump(TOPIC)


def _run(row: Verification, lease: leases.Lease) -> None:
    mine = Verification.objects.filter(pk=row.pk, lease=lease.text)
    told = time.monotonic()

    def tell(judge: Judge, total: int) -> None:
        nonlocal told
        if not lease.renew():
            raise Lost
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            mine.update(
                position=judge.position, hash=judge.hash, done=judge.count, total=total, faults=_kept(judge.faults)
            )
            live.bump(TOPIC)

    begin = None
    if row.position:
        begin = verifying.Begin(row.position, row.hash, row.done, [Fault(*fault) for fault in row.faults])
    try:
        report = verifying.database(tell, begin)
    except (ValueError, OSError) as error:  # the key is away, or is none
        mine.update(state=Verification.State.FAILED, ended=timezone.now(), problem=f"{type(error).__name__}: {error}")
        return
    missing = ", ".join(report.unguarded)
    mine.update(
        state=Verification.State.SUCCEEDED if report.good else Verification.State.FAILED,
        ended=timezone.now(),
        position=report.position,
        hash=report.hash,
        done=report.count,
        total=report.count,
        faults=_kept(report.faults),
        found=report.found,
        checkpoints=report.checkpoints,
        problem=_("The database does not refuse changes; missing: %(names)s.") % {"names": missing} if missing else "",
    )


def _kept(faults: list[Fault]) -> list[Any]:
    return [list(fault) for fault in faults[:NAMED]]


def troubles() -> dict[str, str]:
    """What is wrong with the log now: a key for each trouble, and words. For the page and the alert."""
    found = {}
    last = Verification.objects.exclude(state=Verification.State.RUNNING).first()
    if last is not None and last.state == Verification.State.FAILED:
        if last.found:
            words = ngettext("%(n)d fault was found in the log.", "%(n)d faults were found in the log.", last.found)
            found["verify"] = words % {"n": last.found}
        else:
            found["verify"] = last.problem
    oldest = Unlinked.objects.order_by("event_id").values_list("event_id", flat=True).first()
    if oldest is not None and Event.objects.filter(pk=oldest, time__lt=timezone.now() - LATE).exists():
        found["link"] = _("%(n)d events wait for their place in the chain.") % {"n": linking.unlinked()}
    for archive in Archive.objects.filter(state=Archive.State.FAILED):
        found["archive"] = archive.problem
    for outlet in Outlet.objects.filter(ok=False):
        words = _("%(outlet)s is not reached: %(problem)s") % {"outlet": outlet.name, "problem": outlet.problem}
        found[f"outlet.{outlet.name}"] = words
    return found
