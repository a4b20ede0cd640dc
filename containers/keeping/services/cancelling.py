"""The verb that breaks off what is done to data: who may begin it may do so, without a right on the host."""

from __future__ import annotations

from django.utils.translation import gettext as _

from containers.keeping.recover_work import RECOVER
from containers.keeping.restoring import RESTORE
from containers.keeping.services import snapshots
from containers.models import ServiceEnvironment
from hosts.models import HostOperation
from hosts.services import operations
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

OURS = "keeping."
PUT_BACK = frozenset({RESTORE, RECOVER})  # what breaks them off puts data back, too


def cancel(actor: Actor, place: ServiceEnvironment, number: int) -> HostOperation:
    """Asks an operation on the place's data to stop: what it did is undone. Raises Denied, Refused."""
    require(actor, snapshots.TAKING, **place.at, obj=place)
    rows = HostOperation.objects.select_related("host").defer("notes").filter(kind__startswith=OURS, pk=number)
    row = rows.first()
    if row is None or not place.instances.filter(pk=row.params.get("instance") or 0).exists():
        raise Refused(_("There is no such operation here."), "operation", 400)
    if row.kind in PUT_BACK:
        require(actor, snapshots.REMOVING, **place.at, obj=place)
    return operations.stop(actor, row)
