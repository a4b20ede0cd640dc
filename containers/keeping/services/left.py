"""The verbs of data that was left behind: bring it back, remove it before its time."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.keeping import left
from containers.keeping.left_operations import REMOVE
from containers.keeping.models import LeftData
from containers.keeping.services.snapshots import REMOVING, checked
from containers.models import Deployment, Service, ServiceEnvironment
from containers.services import releases
from containers.services.settings import topic
from hosts.models import Host
from hosts.services import operations
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

State = LeftData.State


def bring_back(actor: Actor, row: LeftData, reason: str = "") -> Deployment:
    """Begins the release (or growth) that makes instances above the data again, where it lies: of all that the place left.

    A service that was removed is there again. Raises Denied, Refused.
    """
    place, reason = row.place, checked(reason)
    require(actor, REMOVING, **place.at, obj=place)
    with transaction.atomic():
        rows = list(
            LeftData.objects.select_for_update(of=("self",)).filter(place=place, state=State.KEPT)
            .select_related("host", "image", "config")
        )  # fmt: skip
        if row.pk not in {one.pk for one in rows}:
            raise Refused(_("It is not kept any more."))
        away = next((one.host for one in rows if one.host.state not in Host.ANSWERING), None)
        if away is not None:
            raise Refused(_("%(host)s does not answer.") % {"host": away})
        _revive(actor, place.service, reason)
        return _begin(actor, place, rows, reason)


def _revive(actor: Actor, service: Service, reason: str) -> None:
    rows = Service.objects.filter(pk=service.pk).exclude(removed=None, removal_asked=None)
    if rows.update(removed=None, removal_asked=None):
        service.refresh_from_db()
        audit.record(actor, "service.revive", service, reason=reason)
        live.bump("services", f"service:{service.slug}")


def _begin(actor: Actor, place: ServiceEnvironment, rows: list[LeftData], reason: str) -> Deployment:
    taken = set(place.instances.filter(removed=None).values_list("number", flat=True))
    wanted = [(number, one.host.name) for one in rows for number in one.numbers]
    free = [n for n in range(1, len(taken) + len(wanted) + 1) if n not in taken][: len(wanted)]
    hosts = {number: host for number, (_old, host) in zip(free, sorted(wanted), strict=True)}
    if taken:
        begun = releases.scale(actor, place, len(taken) + len(wanted), reason, hosts=hosts)
        assert begun is not None  # something stands, so something was released
        return begun
    newest = max(rows, key=lambda one: one.left)
    if newest.image is None:
        raise Refused(_("The image that ran above it is not known any more: release one, and choose the host."))
    ServiceEnvironment.objects.filter(pk=place.pk).update(wanted=len(wanted))
    place.refresh_from_db()
    return releases.deploy(actor, place, newest.image, config=newest.config, reason=reason, hosts=hosts)


def remove(actor: Actor, row: LeftData, name: str, reason: str = "") -> LeftData:
    """Removes it for good before its time. `name`: of the service, typed by the person. Raises Denied, Refused."""
    place, reason = row.place, checked(reason)
    require(actor, REMOVING, **place.at, obj=place)
    if name.strip() != place.service.slug:
        raise Refused(_("That is not the name. It is «%(name)s».") % {"name": place.service.slug}, "name", 400)
    with transaction.atomic():
        begin(actor, row, reason)
        audit.record(actor, "data.left.remove", place, before=left.told(row), reason=reason, parent=place.service)
    row.refresh_from_db()
    return row


def begin(actor: Actor, row: LeftData, reason: str = "") -> None:
    """Begins the removal; who may was asked before. Raises Refused."""
    if row.host.state not in Host.ANSWERING:
        raise Refused(_("%(host)s does not answer.") % {"host": row.host})
    with transaction.atomic():
        if not LeftData.objects.filter(pk=row.pk, state=State.KEPT).update(state=State.REMOVING):
            raise Refused(_("It is not kept any more."))
        params = {"left": row.pk, "shown": _("Remove what %(place)s left") % {"place": row.place}}
        begun = operations.begin(actor, row.host, REMOVE, params, reason=reason)
        LeftData.objects.filter(pk=row.pk).update(operation=begun)
        live.bump(topic(row.place))


def sweep() -> None:
    """What the beat sees to: settled rows, and the removal of what was kept long enough."""
    left.settle()
    for row in left.due():
        try:
            begin(left.SYSTEM, row)
        except Refused as refused:
            later = timezone.now() + timedelta(hours=1)
            LeftData.objects.filter(pk=row.pk, state=State.KEPT).update(words=refused.message[:500], until=later)
