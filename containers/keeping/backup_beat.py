"""What the beat does for backups: begins those that are due, removes what the rules do not keep, and puts right what broke off."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.keeping import backup_rules, copying, edge, restoring, transfer
from containers.keeping.backup_work import ROWS, changed, tidy_host
from containers.keeping.drill_work import changed as drill_changed
from containers.keeping.drill_work import tidy as tidy_drill
from containers.keeping.models import Backup, BackupPolicy, BackupTarget, Drill, Restore, Snapshot
from containers.keeping.recover_work import tidy as tidy_restore
from containers.keeping.restoring import ROWS as ROWS_OF_RESTORES
from containers.keeping.retention import Kept
from containers.keeping.scheduling import AGAIN, AHEAD
from containers.keeping.services import backups, drills
from containers.keeping.services.snapshots import why_not
from containers.keeping.stores import StoreError
from containers.keeping.stores.opening import open_store
from containers.models import Instance
from containers.services import holders
from hosts.engine import EngineError, connect
from hosts.models import Host, HostOperation
from xqplatform import audit, work
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
BEAT = Actor.system("keeping")
DRILL_AGAIN = timedelta(hours=6)  # after one that could not be tried
LOST = timedelta(days=7)  # for which what a drill left is looked for


def plan() -> None:
    """Begins what is due. One that cannot be begun now is due again at the next tick."""
    now = timezone.now()
    rows = BackupPolicy.objects.exclude(target=None).filter(place__service__removed=None)
    for policy in rows.select_related("place__service__team", "place__environment", "target"):
        rules, target = backup_rules.parse(policy.content), policy.target
        assert target is not None
        for instance in policy.place.instances.filter(removed=None).select_related("host", "address"):
            instance.place = policy.place
            if not backup_rules.concerns(rules, instance.number):
                continue
            mine = instance.backups.filter(why=Backup.Why.SCHEDULE)
            done = mine.exclude(state=Backup.State.FAILED).filter(created__lte=now + AHEAD)
            newest = done.order_by("-pk").first()
            lately = mine.filter(state=Backup.State.FAILED, created__gt=now - AGAIN).exists()
            since = max(policy.changed, instance.created)
            if not lately and backup_rules.backup_due(rules, newest.created if newest else None, since, now):
                _begin(instance, target)
            _retire(instance, rules)
            _drill(instance, rules)


def _begin(instance: Instance, target: BackupTarget) -> None:
    if why_not(instance):
        return
    try:
        with transaction.atomic():
            holders.free(instance.place)
            backups.begin(BEAT, instance, target, Backup.Why.SCHEDULE)
    except Refused as refused:
        log.info("No backup of %s now: %s", instance, refused.message)


def _retire(instance: Instance, rules: backup_rules.Rules) -> None:
    rows = list(instance.backups.filter(state=Backup.State.READY).exclude(taken=None))
    latest = timezone.now() + AHEAD
    kept = [
        Kept(row.pk, row.taken, row.pinned, row.why == Backup.Why.SCHEDULE and row.taken <= latest)
        for row in rows
        if row.taken
    ]
    stay = backup_rules.stays(rules, kept)
    gone = backups.drop([row for row in rows if row.pk not in stay], by_rule=True)
    if gone:
        audit.record(
            BEAT, "data.backup.remove", instance, after={"backups": gone}, reason=_("by rule"), parent=instance.place
        )


def _drill(instance: Instance, rules: backup_rules.Rules) -> None:
    now, rows = timezone.now(), Drill.objects.filter(backup__instance=instance, why=Backup.Why.SCHEDULE)
    # One that could not be tried shows nothing: the next one does not wait for the next week.
    rows = rows.exclude(state=Drill.State.BROKEN, created__lt=now - DRILL_AGAIN)
    newest = rows.filter(created__lte=now + AHEAD).order_by("-pk").first()
    if not backup_rules.drill_due(rules, newest.created if newest else None, now):
        return
    row = instance.backups.select_related(*ROWS).filter(state=Backup.State.READY).order_by("-taken").first()
    if row is not None:
        try:
            drills.begin(BEAT, row, Backup.Why.SCHEDULE)
        except Refused as refused:
            log.info("No drill of %s now: %s", row, refused.message)


def discard(pk: int) -> None:
    """Removes a backup from its store. One that cannot be reached is asked again by `sweep`."""
    row = Backup.objects.select_related(*ROWS).filter(pk=pk, state=Backup.State.DROPPING).first()
    if row is None:
        return
    try:
        transfer.clear(open_store(row.target), row)
    except StoreError as error:
        changed(row, words=error.words[:500])
    else:
        changed(row, state=Backup.State.GONE, removed=timezone.now(), words="")


def sweep() -> None:
    """Rows whose operation ended without a word of them, and what failed ones left on hosts and in stores."""
    from containers.keeping import tasks

    at_work, lately = HostOperation.ACTIVE, timezone.now() - LOST
    every = Drill.objects.select_related("host", "address", "operation", *(f"backup__{name}" for name in ROWS))
    for drill in every.filter(state=Drill.State.RUNNING).exclude(operation__state__in=at_work):
        words = drill.operation.words if drill.operation else ""
        drill_changed(drill, state=Drill.State.BROKEN, words=words[:2000], ended=timezone.now())
    left = every.filter(tidied=False, created__gt=lately).exclude(state=Drill.State.RUNNING)
    for drill in left.exclude(operation__state__in=at_work).exclude(host=None):
        _tidy_drill(drill)
    rows = Backup.objects.select_related(*ROWS)
    for row in rows.filter(state=Backup.State.TAKING).exclude(operation__state__in=at_work):
        changed(row, state=Backup.State.FAILED, ended=timezone.now())
    over = rows.filter(state__in=[Backup.State.READY, Backup.State.FAILED]).exclude(operation__state__in=at_work)
    reached = over.filter(host__state__in=Host.ANSWERING).exclude(snapshot=None)
    for row in reached.exclude(snapshot__state=Snapshot.State.GONE):
        _tidy_host(row)
    away: set[int] = set()  # stores that do not answer are not asked again for each of their rows
    for row in over.filter(state=Backup.State.FAILED, parts__isnull=False).distinct():
        if row.target_id not in away and not _tidy_store(row):
            away.add(row.target_id)
    restores = Restore.objects.select_related(*ROWS_OF_RESTORES).filter(notes__fetched=True)
    for restore in restores.exclude(state=Restore.State.RUNNING):
        _tidy_restore(restore)
    copies = Restore.objects.select_related("snapshot__host", "instance__host").filter(notes__copied=True)
    for copy in copies.exclude(state=Restore.State.RUNNING):
        _tidy_copy(copy)
    for pk in Backup.objects.filter(state=Backup.State.DROPPING).values_list("pk", flat=True):
        work.enqueue(tasks.discard, pk)


def _tidy_host(row: Backup) -> None:
    try:
        tidy_host(row)
    except EngineError as error:
        log.info("What %s left is removed later: %s", row, error)


def _tidy_store(row: Backup) -> bool:
    """Whether the store let it be done. Its host has no say in this: it may never come back."""
    try:
        transfer.clear(open_store(row.target), row)
    except StoreError as error:
        log.info("What %s left is removed later: %s", row, error)
        return False
    return True


def _tidy_restore(row: Restore) -> None:
    try:
        tidy_restore(row, edge.volumes_of(row.snapshot.host))
    except EngineError as error:
        log.info("What %s left is removed later: %s", row, error)


def _tidy_copy(row: Restore) -> None:
    try:
        copying.tidy(row)
        restoring.note(row, copied=False)
    except EngineError as error:
        log.info("What %s left is removed later: %s", row, error)


def _tidy_drill(row: Drill) -> None:
    assert row.host is not None
    try:
        tidy_drill(row, connect(row.host), edge.volumes_of(row.host).moves)
    except EngineError as error:
        log.info("What %s left is removed later: %s", row, error)
