"""The verb of copies: an instance gets the data of another one."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from containers.keeping import following
from containers.keeping.models import Restore, Snapshot
from containers.keeping.restoring import RESTORE
from containers.keeping.services import snapshots
from containers.models import Instance
from containers.services import holders
from containers.services.settings import topic
from hosts.services import operations
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused


def copy(actor: Actor, row: Snapshot, name: str, reason: str = "", *, save: bool = True) -> Restore:
    """Begins to give another instance, of whatever service, what a snapshot holds: its own data is lost to it. `name`: that
    instance's, as it is typed by the person; `save`: what it has now is kept as a snapshot first. Raises Denied, Refused.
    """
    require(actor, snapshots.REMOVING, **row.instance.place.at, obj=row.instance)
    instance = _named(actor, name)
    place = instance.place
    require(actor, snapshots.REMOVING, **place.at, obj=instance)
    reason = snapshots.checked(reason)
    here = instance.pk == row.instance_id and instance.host_id == row.host_id
    if here and not following.aside(row):
        raise Refused(_("It is the instance's own snapshot: put it back instead."), "name")
    try:
        with transaction.atomic():
            holders.free(place)
            locked = Snapshot.objects.select_for_update().get(pk=row.pk)
            refusal = why_not(locked, instance)
            if refusal:
                raise Refused(refusal)
            safety = snapshots.new(actor, instance, Snapshot.Why.RESTORE, reason) if save else None
            made = Restore.objects.create(
                instance=instance, snapshot=locked, safety=safety, who=actor.name, reason=reason
            )
            shown = _("Data of %(snapshot)s (%(theirs)s) for %(instance)s")
            words = {"instance": instance, "snapshot": row.label, "theirs": row.instance}
            params = {"restore": made.pk, "shown": shown % words, "instance": instance.pk}
            made.operation = operations.begin(actor, instance.host, RESTORE, params, reason=reason)
            made.save(update_fields=["operation"])
            if safety is not None:
                Snapshot.objects.filter(pk=safety.pk).update(operation=made.operation)
            after = snapshots.told(row) | {"of": str(row.instance), "kept before": safety.pk if safety else None}
            audit.record(actor, "data.copy", instance, after=after, reason=reason, parent=place)
            live.bump(topic(place))
    except IntegrityError:
        raise Refused(_("Data of %(instance)s is being put back already.") % {"instance": instance}) from None
    return made


def why_not(row: Snapshot, instance: Instance) -> str:
    """Why the instance cannot get what the snapshot holds; empty: it can."""
    if row.state != Snapshot.State.READY:
        return _("Only a snapshot that is ready can be copied.")
    if instance.removed is not None:
        return _("%(instance)s was removed.") % {"instance": instance}
    if refusal := snapshots.why_not(instance):
        return refusal
    if row.host.state not in row.host.ANSWERING:
        return _("%(host)s does not answer.") % {"host": row.host}
    return ""


def _named(actor: Actor, name: str) -> Instance:
    """Raises Refused where there is no such instance, as far as this person sees."""
    name = name.strip()
    service, _dash, number = name.rpartition("-")
    rows = (
        visible(actor, Instance)
        .filter(removed=None)
        .select_related("host", "address", "place__service__team", "place__environment", "place__active")
    )
    if service and number.isascii() and number.isdigit() and len(number) < 6:
        for one in rows.filter(number=int(number)):
            if one.name == name:
                return one
    raise Refused(_("There is no instance %(name)s.") % {"name": name[:100]}, "name", 400)
