"""What volumes an instance has, as rows: pages never wait for a server."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from containers.keeping import edge
from containers.keeping.models import DataVolume
from containers.models import Instance
from containers.services.settings import topic
from hosts.engine import EngineError
from hosts.models import Host
from hosts.runtimes import TRAITS
from hosts.volume_types import Volume, Volumes
from xqplatform import live, work

log = logging.getLogger(__name__)
OURS = re.compile(r"xq-[1-9][0-9]{0,17}")
EVERY = timedelta(minutes=10)


def keeping_runtimes() -> list[str]:
    return [name for name, traits in TRAITS.items() if traits.keeps]


def standing() -> QuerySet[Instance]:
    """Instances that stand where data is kept."""
    rows = Instance.objects.filter(removed=None, host__runtime__in=keeping_runtimes(), place__service__removed=None)
    return rows.select_related("host", "place__service__team", "place__environment")


def look_at(instance: Instance, volumes: Volumes) -> None:
    """Stores what its container has now. Raises EngineError; a container that is gone changes nothing."""
    container = instance.current
    if container is None or not container.engine_id:
        return
    now, found = timezone.now(), volumes.of(container.engine_id)
    found = [
        one if one.size is not None else replace(one, size=volumes.measured(container.engine_id, one)) for one in found
    ]
    seen = [(one, [name for name in volumes.snapshots(one) if not OURS.fullmatch(name)]) for one in found]
    with transaction.atomic():
        for one, others in seen:
            DataVolume.objects.update_or_create(
                instance=instance,
                host=instance.host,
                pool=one.pool,
                name=one.name,
                defaults={"target": one.target, "size": one.size, "others": others, "seen": now},
            )
        instance.data_volumes.filter(seen__lt=now).delete()
    live.bump(topic(instance.place))


def with_sizes(instance: Instance, found: Sequence[Volume]) -> list[Volume]:
    """Where the pool does not count, a volume has the size that it had when it was last looked at."""
    known = dict(instance.data_volumes.exclude(size=None).values_list("name", "size"))
    return [one if one.size is not None else replace(one, size=known.get(one.name)) for one in found]


def look_at_host(host: Host) -> None:
    """All instances of a host, one after the other; one that cannot be looked at stops none of the others."""
    volumes = edge.volumes_of(host)
    for instance in standing().filter(host=host):
        try:
            look_at(instance, volumes)
        except EngineError as error:
            log.info("Volumes of %s could not be looked at: %s", instance, error)
            if error.out_of_reach:
                return


def look_at_all() -> None:
    """Every host where data is kept, whose figures are old."""
    from containers.keeping import tasks

    old = timezone.now() - EVERY
    hosts = Host.objects.filter(runtime__in=keeping_runtimes(), state__in=Host.ANSWERING)
    fresh = DataVolume.objects.values("host").annotate(newest=Max("seen")).filter(newest__gt=old).values("host")
    wanted = standing().values("host")
    for pk in hosts.filter(pk__in=wanted).exclude(pk__in=fresh).values_list("pk", flat=True):
        work.enqueue(tasks.look, pk)
