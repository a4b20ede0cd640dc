"""The verb that puts data back in place from a backup."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from containers.keeping.models import Backup, Restore, Snapshot
from containers.keeping.recover_work import RECOVER
from containers.keeping.services import backups, snapshots
from containers.services import holders
from containers.services.settings import topic
from hosts.services import operations
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused


def recover(actor: Actor, row: Backup, name: str, reason: str = "") -> Restore:
    """Begins to put an instance's data back as it is in a backup, wherever it stands now: what was written since is lost to it, and
    kept as a snapshot first. `name`: the instance's, typed by the person. Raises Denied, Refused.
    """
    instance, place = row.instance, row.instance.place
    require(actor, snapshots.REMOVING, **place.at, obj=instance)
    reason = snapshots.checked(reason)
    if name.strip() != instance.name:
        raise Refused(_("That is not the name. It is «%(name)s».") % {"name": instance.name}, "name", 400)
    with transaction.atomic():
        holders.free(place)
        locked = Backup.objects.select_for_update().get(pk=row.pk)
        if locked.state != Backup.State.READY:
            raise Refused(_("Only a backup that is ready can be put back."))
        if instance.removed is not None:
            raise Refused(_("The instance is removed."))
        if refusal := snapshots.why_not(instance):
            raise Refused(refusal)
        safety = snapshots.new(actor, instance, Snapshot.Why.RESTORE, reason)
        made = Restore.objects.create(
            instance=instance, snapshot=safety, safety=safety, backup=locked, who=actor.name, reason=reason
        )
        shown = _("Put %(instance)s back as in %(backup)s") % {"instance": instance, "backup": row.label}
        params = {"restore": made.pk, "shown": shown, "instance": instance.pk}
        made.operation = operations.begin(actor, instance.host, RECOVER, params, reason=reason)
        made.save(update_fields=["operation"])
        Snapshot.objects.filter(pk=safety.pk).update(operation=made.operation)
        after = backups.told(row) | {"kept before": safety.pk}
        audit.record(actor, "data.restore", instance, after=after, reason=reason, parent=place)
        live.bump(topic(place))
    return made
