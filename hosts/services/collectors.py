"""The verb of collectors: whether a host is measured. All else the platform does by itself (`hosts.collector`)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from hosts import tasks
from hosts.collector import placing
from hosts.models import Collector, Host
from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused


def switch(actor: Actor, host: Host, on: bool, reason: str = "") -> Collector:
    """Turns the collecting on a host on or off; the collector is placed or removed at once."""
    require(actor, "host.manage", obj=host)
    placing.ensure_rows()
    with transaction.atomic():
        row = Collector.objects.select_for_update().filter(host=host).first()
        if row is None or host.state == Host.State.RETIRED:
            raise Refused(_("%(host)s is retired.") % {"host": host})
        if row.enabled != on:
            before, row.enabled, row.tried = row.enabled, on, None
            row.save(update_fields=["enabled", "tried"])
            old, new = audit.changed({"collected": before}, {"collected": on})
            audit.record(actor, "host.collect", host, before=old, after=new, reason=reason)
            work.enqueue(tasks.place_collector, host.pk)
            live.bump("collectors", f"host:{host.pk}")
    return row
