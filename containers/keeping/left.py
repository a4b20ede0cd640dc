"""What is noted when instances go whose volumes stay, what pages say of it before, and what the beat does afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers import gone, spec
from containers.keeping.following import pinned
from containers.keeping.models import Backup, DataVolume, LeftData, Snapshot
from containers.models import Instance, ServiceEnvironment
from containers.services.planning import config_of
from containers.services.settings import topic
from hosts.models import Host, HostOperation
from hosts.runtimes import TRAITS
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

SYSTEM = Actor.system("keeping")
AT_ONCE = 20  # removals that are begun in one go


def grace() -> timedelta:
    """How long data is kept that nobody has any more."""
    return timedelta(days=settings.DATA_GRACE_DAYS)


def note(instance: Instance) -> None:
    """An instance went: what it leaves on its host, unless another one of its place still has it there."""
    place, host = instance.place, instance.host
    if not TRAITS[host.runtime].keeps or _stands(place, host):
        return
    container = instance.containers.select_related("image", "config").order_by("-id").first()
    if container is None or not container.engine_id:
        return  # it never came into being
    now = timezone.now()
    before = LeftData.objects.filter(place=place, host=host, state__in=LeftData.OPEN).first()
    volumes = _together(
        volumes_of(instance, container.config), _of_earlier(place, host), before.volumes if before else []
    )
    if not volumes:
        return
    # Those that went before, of the same volume, within the same removal.
    earlier = place.instances.filter(host=host, removed__gte=now - timedelta(hours=1)).values_list("number", flat=True)
    numbers = sorted({instance.number, *earlier, *(before.numbers if before else [])})
    fields = {
        "numbers": numbers, "volumes": volumes, "image": container.image, "config": container.config,
        "left": now, "until": now + grace(),
    }  # fmt: skip
    if before is not None:
        LeftData.objects.filter(pk=before.pk).update(**fields)
        return
    row = LeftData.objects.create(place=place, host=host, **fields)
    audit.record(SYSTEM, "data.left", instance, after=told(row), parent=place)
    live.bump(topic(place))


def _of_earlier(place: ServiceEnvironment, host: Host) -> list[dict[str, Any]]:
    """What those had that went while others stood: each has volumes of its own, too, and nobody else will ever tell of them."""
    return [_as_seen(one) for one in DataVolume.objects.filter(instance__place=place, host=host, instance__host=host)]


def _together(*lists: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each volume once, as the first list that has it tells it."""
    found: dict[str, dict[str, Any]] = {}
    for one in (one for some in lists for one in some):
        found.setdefault(one["name"], one)
    return list(found.values())


def _as_seen(one: DataVolume) -> dict[str, Any]:
    return {"name": one.name, "pool": one.pool, "target": one.target, "size": one.size}


def volumes_of(instance: Instance, config: Any) -> list[dict[str, Any]]:
    """Its volumes as last seen; of one that nobody looked at yet, those of its settings."""
    seen = DataVolume.objects.filter(instance=instance, host=instance.host)
    if found := [_as_seen(one) for one in seen]:
        return found
    place = instance.place
    where = spec.Place(place.service.slug, place.environment.slug, instance.number, instance.pk)
    names = spec.volumes(where, config_of(config))
    return [{"name": name, "pool": "", "target": "", "size": None} for name in names]


def _stands(place: ServiceEnvironment, host: Host) -> bool:
    return place.instances.filter(removed=None, host=host).exists()


def told(row: LeftData) -> dict[str, Any]:
    """What the audit log says of it."""
    volumes = [one["name"] for one in row.volumes]
    return {"host": row.host.name, "volumes": volumes, "until": row.until.isoformat(), "instances": row.numbers}


def losses(instances: list[Instance]) -> list[str]:
    """What is lost if these go: volumes, their size, the newest snapshot; and how long it can be had back."""
    found = []
    for instance in instances:
        if not TRAITS[instance.host.runtime].keeps:
            continue
        volumes = DataVolume.objects.filter(instance=instance, host=instance.host)
        names = ", ".join(f"{one.name} ({_mib(one.size)})" for one in volumes) or _("volumes not looked at yet")
        values = {
            "instance": instance.name, "host": instance.host.name, "volumes": names,
            "snapshot": _newest(Snapshot.objects.filter(instance=instance, state=Snapshot.State.READY)),
            "backup": _newest(Backup.objects.filter(instance=instance, state=Backup.State.READY)),
        }  # fmt: skip
        words = _(
            "%(instance)s on %(host)s: %(volumes)s. Newest snapshot: %(snapshot)s, which goes, too; newest backup: %(backup)s, which stays."
        )
        found.append(words % values)
    if found:
        days = settings.DATA_GRACE_DAYS
        words = ngettext(
            "The volumes stay on their hosts for %(n)d day, in which they can be brought back; then they are removed for good, with their snapshots.",
            "The volumes stay on their hosts for %(n)d days, in which they can be brought back; then they are removed for good, with their snapshots.",
            days,
        )
        found.append(words % {"n": days})
    return found


def _newest(rows: QuerySet[Any]) -> str:
    taken = rows.exclude(taken=None).order_by("-taken").values_list("taken", flat=True).first()
    return f"{taken:%Y-%m-%d %H:%M} UTC" if taken else _("none")


def _mib(size: int | None) -> str:
    return _("size not known") if size is None else f"{size / (1 << 20):,.1f} MiB"


def settle() -> None:
    """Data that an instance has again is nobody's leavings any more; removals that ended without a word are asked for again."""
    for row in LeftData.objects.filter(state=LeftData.State.KEPT).select_related("place", "host"):
        if _stands(row.place, row.host):
            LeftData.objects.filter(pk=row.pk, state=LeftData.State.KEPT).update(
                state=LeftData.State.BACK, ended=timezone.now(), words=""
            )
            audit.record(SYSTEM, "data.back", row.place, after=told(row), parent=row.place.service)
            live.bump(topic(row.place))
    over = LeftData.objects.filter(state=LeftData.State.REMOVING).exclude(operation__state__in=HostOperation.ACTIVE)
    for row in over.select_related("operation"):
        words = row.operation.words[:500] if row.operation else ""
        # Tried again tomorrow: what stands in the way is for people.
        LeftData.objects.filter(pk=row.pk, state=LeftData.State.REMOVING).update(
            state=LeftData.State.KEPT, words=words, until=timezone.now() + timedelta(days=1)
        )


def due() -> list[LeftData]:
    """What may be removed for good now. What somebody pinned a snapshot of is removed by people only."""
    rows = LeftData.objects.filter(state=LeftData.State.KEPT, until__lte=timezone.now(), host__state__in=Host.ANSWERING)
    found: list[LeftData] = []
    for row in rows.select_related("place__service__team", "place__environment", "host"):
        held = pinned([one["name"] for one in row.volumes], host=row.host, instance__place=row.place)
        if held and row.words != held:
            LeftData.objects.filter(pk=row.pk).update(words=held)
        elif not held and len(found) < AT_ONCE:
            found.append(row)
    return found


def join() -> None:
    gone.GONE.append(note)
    gone.LOSSES.append(losses)
