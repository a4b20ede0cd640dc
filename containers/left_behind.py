"""What moves leave on hosts: volumes that are put aside as `xq-moved-…`, kept for a time, and then removed by the beat.

The row comes first, the server follows: a host that is away meanwhile is seen to when it is back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from containers.models import Deployment, MovedVolume, Step
from hosts import labels
from hosts.engine import EngineError, connect
from hosts.models import Host
from hosts.volume_copies import VolumeCopies
from xqplatform import audit
from xqplatform.accounts.actor import Actor

if TYPE_CHECKING:
    from containers.steps.bench import Bench

log = logging.getLogger(__name__)
# Who has to know that a volume was put aside, or is gone: told within the transaction that says so, maybe twice.
RENAMED: list[Callable[[MovedVolume], None]] = []
REMOVED: list[Callable[[MovedVolume], None]] = []
HOLDS: list[Callable[[MovedVolume], str]] = []  # why one must not be removed yet; empty: it may be
MOVING, MOVED = (
    "xq.moving",
    "xq.moved",
)  # marks of a volume that is on its way (by which row), and of one that was put aside
Kind = MovedVolume.Kind


def copies_of(host: Host) -> VolumeCopies | None:
    """None: the host's runtime cannot copy volumes."""
    return connect(host).copies


def until(*, lasts: bool) -> datetime:
    return timezone.now() + (timedelta(days=settings.MOVED_VOLUME_DAYS) if lasts else timedelta())


# --- Told by moves ------------------------------------------------------------------------------------------------


def leave(work: Bench, host: Host, names: tuple[str, ...]) -> None:
    """The instance is well elsewhere: its volumes on this host are put aside, and what arrived is its own. May be repeated."""
    with transaction.atomic():
        work.save()  # raises Broken when the lease is another process's
        arrived = MovedVolume.objects.filter(step=work.step, kind=Kind.ARRIVING, removed=None).exclude(host=host)
        for name in names:
            mine = MovedVolume.objects.filter(step=work.step, host=host, was=name, kind=Kind.LEFT)
            if arrived.filter(was=name).exists() and not mine.exists():
                MovedVolume.objects.create(
                    instance=work.instance, step=work.step, host=host, name=name, was=name, kind=Kind.LEFT,
                    until=until(lasts=True),
                )  # fmt: skip
    for row in MovedVolume.objects.filter(step=work.step, host=host, kind=Kind.LEFT, removed=None).select_related(
        "host"
    ):
        attempt(row)
    for row in arrived.select_related("host"):
        copies = copies_of(row.host)
        if copies is not None:
            work.patience.call(copies.mark, row.pool, row.was, {MOVING: ""})
        row.delete()


def withdraw(step: Step, *, ran: bool) -> None:
    """The instance stays where it was: what arrived of its data is not its own. `ran`: something was started with it, and may have written."""
    rows = MovedVolume.objects.filter(step=step, kind=Kind.ARRIVING, removed=None)
    pks = list(rows.values_list("pk", flat=True))
    rows.update(kind=Kind.RETURNED, until=until(lasts=ran))
    for row in MovedVolume.objects.filter(pk__in=pks).select_related("host"):
        attempt(row)


# --- On the servers ----------------------------------------------------------------------------------------------


def attempt(row: MovedVolume) -> bool:
    """Sees to the row's volume; what cannot be done now is done by the beat. Whether nothing is left to do."""
    try:
        settle(row)
        if row.until is not None and row.until <= timezone.now():
            remove(row)
    except EngineError as error:
        MovedVolume.objects.filter(pk=row.pk).update(words=error.words)
        log.info("%s of %s on %s waits: %s", row.was, row.instance_id, row.host, error)
        return False
    return True


def settle(row: MovedVolume) -> None:
    """The volume has its name of one that was put aside. Raises EngineError."""
    copies = copies_of(row.host)
    if copies is None or row.name == row.aside:
        return
    pool = row.pool or copies.pool()
    if copies.find(pool, row.aside) is None:
        there = copies.find(pool, row.was)
        # (What never came to be, or is somebody else's by now, is not ours to rename.)
        ours = there is not None and (row.kind == Kind.LEFT or there.marks.get(MOVING) == str(row.pk))
        if not ours:
            _gone(row)
            return
        copies.mark(pool, row.was, {MOVED: str(row.pk), labels.PLATFORM: labels.installation()})
        copies.rename(pool, row.was, row.aside)
    with transaction.atomic():
        row.pool, row.name, row.words = pool, row.aside, ""
        row.save(update_fields=["pool", "name", "words"])
        for told in RENAMED:
            told(row)


def remove(row: MovedVolume) -> None:
    """Removes a volume that was put aside: its time is over. Raises EngineError."""
    copies = copies_of(row.host)
    if copies is None or row.removed is not None or row.name != row.aside:
        return
    if why := next((words for hold in HOLDS if (words := hold(row))), ""):
        MovedVolume.objects.filter(pk=row.pk).update(words=why)
        return
    found = copies.find(row.pool, row.aside)
    if found is not None and found.marks.get(MOVED) == str(row.pk):
        copies.remove(row.pool, row.aside)
    _gone(row)


def _gone(row: MovedVolume) -> None:
    with transaction.atomic():
        if MovedVolume.objects.filter(pk=row.pk, removed=None).update(removed=timezone.now(), words=""):
            after = {"host": row.host.name, "volume": row.was, "name": row.name, "why": str(Kind(row.kind).label)}
            audit.record(Actor.system(), "moved.remove", row.instance, after=after, parent=row.instance.place.service)
            for told in REMOVED:
                told(row)
    row.removed = timezone.now()


def tidy() -> int:
    """What the beat does: puts aside what could not be before, removes what is over. How many were removed."""
    rows = MovedVolume.objects.filter(removed=None, host__state__in=Host.ANSWERING)
    rows = rows.select_related("host", "step__deployment", "instance__place__service")
    count = 0
    for row in rows:
        if row.kind == Kind.ARRIVING:
            if row.step is not None and row.step.deployment.state in Deployment.ACTIVE:
                continue
            row.kind, row.until = Kind.RETURNED, until(lasts=row.step is None or "start" in row.step.times)
            row.save(update_fields=["kind", "until"])
        if row.name != row.aside or (row.until is not None and row.until <= timezone.now()):
            attempt(row)
            count += row.removed is not None
    return count
