"""The verb that puts data back in place."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from containers.keeping import following
from containers.keeping.models import Restore, Snapshot
from containers.keeping.restoring import RESTORE
from containers.keeping.services import snapshots
from containers.models import ServiceEnvironment
from containers.services import holders
from containers.services.settings import topic
from hosts.models import HostOperation
from hosts.services import operations
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

OF = ("instance__place__service", "instance__place__environment")


def restore(actor: Actor, row: Snapshot, name: str, reason: str = "", *, save: bool = True) -> Restore:
    """Begins to put an instance's data back as it was at a snapshot: what was written since is lost to it. `name`: the
    instance's, typed by the person; `save`: what is there now is kept as a snapshot first. Raises Denied, Refused.
    """
    instance, place = row.instance, row.instance.place
    require(actor, snapshots.REMOVING, **place.at, obj=instance)
    reason = snapshots.checked(reason)
    if name.strip() != instance.name:
        raise Refused(_("That is not the name. It is «%(name)s».") % {"name": instance.name}, "name", 400)
    with transaction.atomic():
        holders.free(place)
        locked = Snapshot.objects.select_for_update().get(pk=row.pk)
        if locked.state != Snapshot.State.READY:
            raise Refused(_("Only a snapshot that is ready can be put back."))
        if instance.removed is not None or instance.host_id != row.host_id:
            raise Refused(_("The instance does not stand on %(host)s any more.") % {"host": row.host})
        if following.aside(locked):
            raise Refused(_("It is of a volume that a move has put aside: copy it into the instance instead."))
        if refusal := snapshots.why_not(instance):
            raise Refused(refusal)
        safety = snapshots.new(actor, instance, Snapshot.Why.RESTORE, reason) if save else None
        made = Restore.objects.create(instance=instance, snapshot=locked, safety=safety, who=actor.name, reason=reason)
        shown = _("Put %(instance)s back as at %(snapshot)s") % {"instance": instance, "snapshot": row.label}
        params = {"restore": made.pk, "shown": shown, "instance": instance.pk}
        made.operation = operations.begin(actor, row.host, RESTORE, params, reason=reason)
        made.save(update_fields=["operation"])
        if safety is not None:
            Snapshot.objects.filter(pk=safety.pk).update(operation=made.operation)
        after = snapshots.told(row) | {"kept before": safety.pk if safety else None}
        audit.record(actor, "data.restore", instance, after=after, reason=reason, parent=place)
        live.bump(topic(place))
    return made


def under_way(place: ServiceEnvironment) -> str:
    """Who is at the place's data now, in words; empty: nobody. Nothing else is done to the place meanwhile: a stop would kill what
    is held still, and a start what is put back.
    """
    rows = Restore.objects.filter(instance__place=place, state=Restore.State.RUNNING, deployment=None)
    row = rows.select_related(*OF, "snapshot", "backup").first()
    if row is not None:
        words = _("%(who)s puts the data of %(instance)s back as at %(snapshot)s.")
        return words % {"who": row.who, "instance": row.instance, "snapshot": row.source}
    taking = Snapshot.objects.filter(instance__place=place, state=Snapshot.State.TAKING)
    one = taking.filter(operation__state__in=HostOperation.ACTIVE).select_related(*OF).first()
    if one is not None:
        words = _("A snapshot of %(instance)s is being taken: wait for its end.")
        return words % {"instance": one.instance}
    return ""
