"""Giving up the instances of a host that never comes back."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.finish import give_back
from containers.models import Container, Instance, ServiceEnvironment
from containers.services import holders
from containers.services.catalog import settle_removal
from containers.services.settings import topic
from hosts.models import Host
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

LOST = (Host.State.UNREACHABLE, Host.State.RETIRED)


def forget(actor: Actor, place: ServiceEnvironment, numbers: Collection[int], reason: str = "") -> list[Instance]:
    """Gives up instances whose host cannot be reached: their addresses rest, then are free.

    The next release or scaling makes others elsewhere. Should the host come back, the sweep removes what still runs of
    them there. Raises Refused, with nothing changed, when a host answers or a change is under way.
    """
    require(actor, "host.manage", obj=place)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    with transaction.atomic():
        locked = holders.free(place)
        rows = list(
            locked.instances.filter(removed=None, number__in=list(numbers)).select_related(
                "host", "address__segment", "place__service", "place__environment"
            )
        )
        unknown = set(numbers) - {one.number for one in rows}
        if unknown or not rows:
            raise Refused(_("There is no instance #%(n)s.") % {"n": min(unknown, default=0)}, "instances", 400)
        for one in rows:
            if one.host.state not in LOST:
                words = _("#%(n)s stands on %(host)s, which can be reached: scale down or remove instead.")
                raise Refused(words % {"n": one.number, "host": one.host}, "instances")
        for one in rows:
            before = {"host": str(one.host), "address": one.address.ip if one.address else one.ip, "state": one.state}
            Container.objects.filter(instance=one, ended=None).update(ended=timezone.now())
            give_back(one)
            audit.record(actor, "instance.forget", one, before=before, reason=reason, parent=locked.service)
        settle_removal(locked.service)
        live.bump("services", f"service:{locked.service.slug}", topic(locked), *(f"instance:{one.pk}" for one in rows))
    return rows
