"""The verb of collectors: how a host is measured. All else the platform does by itself (`hosts.collector`)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from hosts import shell, tasks
from hosts.collector import placing
from hosts.models import Collector, Host
from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused


def of(host: Host) -> Collector:
    """The host's; one that nobody has looked after where it has none yet."""
    return Collector.objects.filter(host=host).first() or Collector(host=host)


def switch(actor: Actor, host: Host, way: str, reason: str = "") -> Collector:
    """Chooses how a host is measured: by a container, a process over SSH, or not at all. It is placed or removed at once."""
    require(actor, "host.manage", obj=host)
    if way not in Collector.Way.values:
        raise Refused(_("There is no way of measuring «%(way)s».") % {"way": way[:40]}, "way", 400)
    if way == Collector.Way.SSH and not shell.has_access(host):
        raise Refused(_("%(host)s has no SSH access: give it one on its page.") % {"host": host}, "way", 409)
    placing.ensure_rows()
    with transaction.atomic():
        row = Collector.objects.select_for_update().filter(host=host).first()
        if row is None or host.state == Host.State.RETIRED:
            raise Refused(_("%(host)s is retired.") % {"host": host})
        if row.way != way:
            before, row.way, row.tried = row.way, way, None
            row.save(update_fields=["way", "tried"])
            old, new = audit.changed({"measuring": before}, {"measuring": way})
            audit.record(actor, "host.collect", host, before=old, after=new, reason=reason)
            work.enqueue(tasks.place_collector, host.pk)
            live.bump("collectors", f"host:{host.pk}")
    return row
