"""The verbs of snapshots: take, pin, remove."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from builds.models import Image
from containers.keeping.models import Backup, Restore, Snapshot
from containers.keeping.operations import DROP, TAKE
from containers.models import ConfigVersion, Deployment, Instance, ServiceEnvironment
from containers.services import holders
from containers.services.settings import topic
from hosts.models import Host
from hosts.runtimes import TRAITS
from hosts.services import operations
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

TAKING, REMOVING = "service.deploy", "data.restore"
LONGEST = 500  # characters of a reason


def why_not(instance: Instance) -> str:
    """Why its data has no snapshots; empty: it can have them."""
    traits = TRAITS[instance.host.runtime]
    if not traits.keeps:
        words = _("%(instance)s stands on a %(runtime)s host, whose volumes have no snapshots.")
        return words % {"instance": instance, "runtime": traits.title}
    if instance.host.state not in Host.ANSWERING:
        return _("%(host)s does not answer.") % {"host": instance.host}
    if instance.current is None:
        return _("%(instance)s has no container.") % {"instance": instance}
    return ""


def instances_of(place: ServiceEnvironment, numbers: Collection[int] | None = None) -> list[Instance]:
    """Those that stand, all or those of these numbers. Raises Refused for a number that is none."""
    rows = place.instances.filter(removed=None).select_related(
        "host", "address", "place__service__team", "place__environment"
    )
    found = [row for row in rows if numbers is None or row.number in numbers]
    missing = set(numbers or ()) - {row.number for row in found}
    if missing:
        raise Refused(_("There is no instance %(number)s here.") % {"number": min(missing)}, "instances", 400)
    if not found:
        raise Refused(_("There are no instances here."), "instances")
    return found


def busy(place: ServiceEnvironment) -> str:
    """Why nothing may be done to the data now."""
    return holders.held_by(place)


def take(
    actor: Actor, place: ServiceEnvironment, numbers: Collection[int] | None = None, reason: str = ""
) -> list[Snapshot]:
    """Begins a snapshot of each instance (None: of all). Raises Denied, Refused."""
    require(actor, TAKING, **place.at, obj=place)
    reason = checked(reason)
    rows = instances_of(place, numbers)
    refusal = next((why for why in map(why_not, rows) if why), "")
    if refusal:
        raise Refused(refusal)
    with transaction.atomic():
        holders.free(place)
        found = [begin(actor, row, Snapshot.Why.HAND, reason) for row in rows]
        after = {"snapshots": [one.pk for one in found], "instances": [one.instance.number for one in found]}
        audit.record(actor, "data.snapshot", place, after=after, reason=reason, parent=place.service)
    return found


def begin(
    actor: Actor, instance: Instance, why: str, reason: str = "", deployment: Deployment | None = None
) -> Snapshot:
    """A row and its operation; who may was asked before. Raises Refused while one is being taken."""
    row = new(actor, instance, why, reason, deployment=deployment)
    shown = _("Snapshot of %(instance)s") % {"instance": instance}
    row.operation = operations.begin(
        actor, instance.host, TAKE, {"snapshot": row.pk, "shown": shown, "instance": instance.pk}, reason=reason
    )
    row.save(update_fields=["operation"])
    live.bump(topic(instance.place))
    return row


def new(
    actor: Actor,
    instance: Instance,
    why: str,
    reason: str = "",
    *,
    deployment: Deployment | None = None,
    ran: tuple[Image | None, ConfigVersion | None] | None = None,
) -> Snapshot:
    """A row of one that shall be taken. `ran`: image and settings above the data (None: the container's of now). Raises Refused
    while one is being taken.
    """
    if instance.snapshots.filter(state=Snapshot.State.TAKING).exists():
        raise Refused(_("A snapshot of %(instance)s is being taken already.") % {"instance": instance})
    container = instance.current
    image, config = ran or ((container.image, container.config) if container else (None, None))
    manifest = {
        "image": image.digest if image else "",
        "tag": image.tag if image else "",
        "config": config.version if config else None,
        "address": instance.address.ip if instance.address else instance.ip,
    }
    return Snapshot.objects.create(
        instance=instance,
        host=instance.host,
        why=why,
        who=actor.name,
        reason=reason,
        manifest=manifest,
        deployment=deployment,
    )


def pin(actor: Actor, row: Snapshot, pinned: bool) -> Snapshot:
    """Says whether rules of retention may remove it. Raises Denied, Refused."""
    place = row.instance.place
    require(actor, TAKING, **place.at, obj=row.instance)
    with transaction.atomic():
        locked = Snapshot.objects.select_for_update().get(pk=row.pk)
        if locked.state != Snapshot.State.READY:
            raise Refused(_("Only a snapshot that is ready can be kept."))
        if locked.why == Snapshot.Why.BACKUP:
            raise Refused(_("It belongs to a backup, and goes with the end of that: take one by hand."))
        if locked.pinned != pinned:
            Snapshot.objects.filter(pk=row.pk).update(pinned=pinned)
            after = {"snapshot": row.pk, "pinned": pinned}
            audit.record(actor, "data.snapshot.pin", row.instance, after=after, parent=place)
            live.bump(topic(place))
    row.refresh_from_db()
    return row


def remove(actor: Actor, row: Snapshot, name: str, reason: str = "") -> Snapshot:
    """Begins its removal; nobody can bring it back. `name`: its own, typed by the person. Raises Denied, Refused."""
    place = row.instance.place
    require(actor, REMOVING, **place.at, obj=row.instance)
    reason = checked(reason)
    if name.strip() != row.label:
        raise Refused(_("That is not the name. It is «%(name)s».") % {"name": row.label}, "name", 400)
    with transaction.atomic():
        if not drop(actor, [row], reason):
            words = _("It is not ready, or it is used by a restore, a release or a backup: it cannot be removed now.")
            raise Refused(words)
        audit.record(actor, "data.snapshot.remove", row.instance, before=told(row), reason=reason, parent=place)
    row.refresh_from_db()
    return row


def drop(actor: Actor, rows: Sequence[Snapshot], reason: str = "", *, by_rule: bool = False) -> list[Snapshot]:
    """Begins the removal of those that are ready and in nobody's use, an operation a host; which ones those were. Who may was asked
    before. `by_rule`: those that somebody pinned meanwhile stay.
    """
    with transaction.atomic():
        # First the locks, then who uses them: whoever begins to has the lock before.
        locked = Snapshot.objects.select_for_update().filter(
            pk__in=[row.pk for row in rows], state=Snapshot.State.READY
        )
        keys = set(locked.order_by("pk").values_list("pk", flat=True))
        free = Snapshot.objects.filter(pk__in=keys - used(keys))
        if by_rule:
            free = free.filter(pinned=False)
        found = list(
            free.select_related("host", "instance__place__service", "instance__place__environment").order_by("pk")
        )
        for host in {row.host for row in found}:
            here = [row for row in found if row.host_id == host.pk]
            shown = ", ".join(f"{row.instance} {row.label}" for row in here[:3]) + (" …" if len(here) > 3 else "")
            ids = [row.pk for row in here]
            params = {"snapshots": ids, "shown": _("Remove %(snapshots)s") % {"snapshots": shown}}
            begun = operations.begin(actor, host, DROP, params, reason=reason)
            Snapshot.objects.filter(pk__in=ids).update(state=Snapshot.State.DROPPING, operation=begun)
        for place in {row.instance.place for row in found}:
            live.bump(topic(place))
    return found


def used(keys: Collection[int]) -> set[int]:
    """Those that a restore or a backup works with now, or that a release may go back to."""
    restores = Restore.objects.filter(state=Restore.State.RUNNING)
    backups = Backup.objects.filter(state=Backup.State.TAKING).exclude(snapshot=None)
    rows = Snapshot.objects.filter(
        Q(pk__in=restores.values("snapshot"))
        | Q(pk__in=restores.exclude(safety=None).values("safety"))
        | Q(pk__in=backups.values("snapshot"))
        | Q(deployment__state__in=Deployment.ACTIVE),
        pk__in=keys,
    )
    return set(rows.values_list("pk", flat=True))


def told(row: Snapshot) -> dict[str, object]:
    """What the audit log says of one."""
    return {
        "snapshot": row.pk,
        "taken": row.taken.isoformat() if row.taken else None,
        "volumes": [one["name"] for one in row.volumes],
    }


def checked(reason: str) -> str:
    reason = reason.strip()
    if len(reason) > LONGEST or "\x00" in reason:
        raise Refused(_("At most 500 characters."), "reason", 400)
    return reason
