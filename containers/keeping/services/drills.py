"""The verb of drills: a backup is tried on a host."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from containers.keeping.drill_work import DRILL
from containers.keeping.models import Backup, Drill
from containers.keeping.services.snapshots import TAKING
from containers.models import ServiceEnvironment
from containers.services.planning import segment_of
from containers.services.settings import topic
from hosts.models import Host
from hosts.runtimes import TRAITS
from hosts.services import operations
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused


def hosts_for(place: ServiceEnvironment, source: Host | None) -> list[Host]:
    """Where a drill of its backups can be: the best first, which is another host than the data's own, with the most room."""
    keeping = [name for name, traits in TRAITS.items() if traits.keeps]
    segment = segment_of(place)
    rows = segment.hosts.all() if segment is not None else Host.objects.all()
    mine = source.pk if source is not None else None
    found = rows.filter(runtime__in=keeping, state=Host.State.READY)
    return sorted(found, key=lambda host: (host.pk == mine, -(host.disk_free or 0), host.name))


def drill(actor: Actor, row: Backup, host: str = "") -> Drill:
    """Begins a drill of a backup, on a host of this name (empty: the best one). Raises Denied, Refused."""
    place = row.instance.place
    require(actor, TAKING, **place.at, obj=row.instance)
    with transaction.atomic():
        found = begin(actor, row, Backup.Why.HAND, host)
        after = {"drill": found.pk, "backup": row.pk, "host": found.host.name if found.host else ""}
        audit.record(actor, "data.drill", row.instance, after=after, parent=place)
    return found


def begin(actor: Actor, row: Backup, why: str, host: str = "") -> Drill:
    """A row and its operation; who may was asked before. Raises Refused."""
    with transaction.atomic():
        # Who removes it asks under this lock whether a drill uses it.
        locked = Backup.objects.select_for_update().get(pk=row.pk)
        return _begun(actor, row, locked.state, why, host)


def _begun(actor: Actor, row: Backup, state: str, why: str, host: str) -> Drill:
    if state != Backup.State.READY:
        raise Refused(_("Only a backup that is ready can be tried."))
    if row.drills.filter(state=Drill.State.RUNNING).exists():
        raise Refused(_("A drill of this backup is under way already."))
    hosts = hosts_for(row.instance.place, row.host)
    chosen = next((one for one in hosts if not host or one.name == host), None)
    if chosen is None and host:
        raise Refused(_("No drill can be on «%(host)s».") % {"host": host[:60]}, "host", 400)
    if chosen is None:
        raise Refused(_("No host that keeps data answers now."), "host")
    found = Drill.objects.create(backup=row, host=chosen, why=why, who=actor.name)
    shown = _("Restore drill of %(backup)s") % {"backup": row}
    found.operation = operations.begin(actor, chosen, DRILL, {"drill": found.pk, "shown": shown})
    found.save(update_fields=["operation"])
    live.bump(topic(row.instance.place))
    return found
