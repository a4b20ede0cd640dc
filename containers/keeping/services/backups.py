"""The verbs of backups: take, keep, remove."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from containers.keeping import tasks
from containers.keeping.backup_policies import target_of
from containers.keeping.backup_work import BACKUP
from containers.keeping.models import Backup, BackupTarget, Drill, Restore, Snapshot
from containers.keeping.parts import folder
from containers.keeping.services.snapshots import REMOVING, TAKING, checked, instances_of, new, why_not
from containers.models import Instance, ServiceEnvironment
from containers.services import holders
from containers.services.settings import topic
from hosts.services import operations
from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused


def take(
    actor: Actor, place: ServiceEnvironment, target: str, numbers: Collection[int] | None = None, reason: str = ""
) -> list[Backup]:
    """Begins a backup of each instance (None: of all) into a store. Raises Denied, Refused."""
    require(actor, TAKING, **place.at, obj=place)
    reason, store = checked(reason), target_of(target)
    rows = instances_of(place, numbers)
    refusal = next((why for why in map(why_not, rows) if why), "")
    if refusal:
        raise Refused(refusal)
    with transaction.atomic():
        holders.free(place)
        found = [begin(actor, row, store, Backup.Why.HAND, reason) for row in rows]
        numbers = [one.instance.number for one in found]
        after = {"backups": [one.pk for one in found], "target": store.name, "instances": numbers}
        audit.record(actor, "data.backup", place, after=after, reason=reason, parent=place.service)
    return found


def begin(actor: Actor, instance: Instance, target: BackupTarget, why: str, reason: str = "") -> Backup:
    """A row, its snapshot's, and the operation; who may was asked before. Raises Refused while another one is under way."""
    container = instance.current
    if instance.backups.filter(state=Backup.State.TAKING).exists():
        raise Refused(_("A backup of %(instance)s is being taken already.") % {"instance": instance})
    if container is None or container.image is None:
        raise Refused(_("%(instance)s has no container.") % {"instance": instance})
    place = instance.place
    with transaction.atomic():
        snapshot = new(actor, instance, Snapshot.Why.BACKUP, reason)
        manifest = snapshot.manifest | {"image": container.image.reference, "image_row": container.image.pk}
        row = Backup.objects.create(
            instance=instance,
            host=instance.host,
            target=target,
            snapshot=snapshot,
            why=why,
            who=actor.name,
            reason=reason,
            manifest=manifest,
        )
        row.folder = folder(place.service.slug, place.environment.slug, instance.number, row.pk)
        shown = _("Back up %(instance)s into %(target)s") % {"instance": instance, "target": target}
        params = {"backup": row.pk, "shown": shown, "instance": instance.pk}
        snapshot.operation = row.operation = operations.begin(actor, instance.host, BACKUP, params, reason=reason)
        row.save(update_fields=["folder", "operation"])
        snapshot.save(update_fields=["operation"])
        live.bump(topic(place))
    return row


def pin(actor: Actor, row: Backup, pinned: bool) -> Backup:
    """Says whether rules of retention may remove it. Raises Denied, Refused."""
    place = row.instance.place
    require(actor, TAKING, **place.at, obj=row.instance)
    with transaction.atomic():
        locked = Backup.objects.select_for_update().get(pk=row.pk)
        if locked.state != Backup.State.READY:
            raise Refused(_("Only a backup that is ready can be kept."))
        if locked.pinned != pinned:
            Backup.objects.filter(pk=row.pk).update(pinned=pinned)
            after = {"backup": row.pk, "pinned": pinned}
            audit.record(actor, "data.backup.pin", row.instance, after=after, parent=place)
            live.bump(topic(place))
    row.refresh_from_db()
    return row


def remove(actor: Actor, row: Backup, name: str, reason: str = "") -> Backup:
    """Begins its removal from the store; nobody can bring it back. `name`: its own, typed by the person. Raises Denied, Refused."""
    place = row.instance.place
    require(actor, REMOVING, **place.at, obj=row.instance)
    reason = checked(reason)
    if name.strip() != row.label:
        raise Refused(_("That is not the name. It is «%(name)s».") % {"name": row.label}, "name", 400)
    with transaction.atomic():
        if not drop([row]):
            raise Refused(_("It is not ready, or a drill or a restore uses it, so it cannot be removed now."))
        audit.record(actor, "data.backup.remove", row.instance, before=told(row), reason=reason, parent=place)
    row.refresh_from_db()
    return row


def drop(rows: Collection[Backup], *, by_rule: bool = False) -> list[int]:
    """Begins the removal of those that are ready and in nobody's use; their keys. Who may was asked before. `by_rule`: those that
    somebody pinned meanwhile stay.
    """
    with transaction.atomic():
        # First the locks, then who uses them: whoever begins to has the lock before.
        locked = Backup.objects.select_for_update().filter(pk__in=[row.pk for row in rows], state=Backup.State.READY)
        ready = Backup.objects.filter(pk__in=list(locked.order_by("pk").values_list("pk", flat=True)))
        if by_rule:
            ready = ready.filter(pinned=False)
        tried = Drill.objects.filter(state=Drill.State.RUNNING).values("backup")
        put_back = Restore.objects.filter(state=Restore.State.RUNNING).exclude(backup=None).values("backup")
        keys = list(ready.exclude(pk__in=tried).exclude(pk__in=put_back).values_list("pk", flat=True))
        Backup.objects.filter(pk__in=keys).update(state=Backup.State.DROPPING)
        for pk in keys:
            work.enqueue(tasks.discard, pk)
        for place in {row.instance.place for row in rows if row.pk in keys}:
            live.bump(topic(place))
    return keys


def told(row: Backup) -> dict[str, object]:
    """What the audit log says of one."""
    taken = row.taken.isoformat() if row.taken else None
    return {"backup": row.pk, "taken": taken, "target": row.target.name, "bytes": row.size}
