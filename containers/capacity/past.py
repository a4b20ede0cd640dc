"""What stood at a moment, by the platform's own records: instances and their containers, changes of hosts and groups.

What they cannot tell is as it is now: how large machines are, and which addresses rest, are reserved or strangers'.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Coalesce

from containers.capacity.committed import Committed, Promised
from containers.models import ConfigVersion, Container, Instance, Step
from containers.services.capacity import NOTHING, Size, size_of, sizes
from hosts.group_limits import LIMITS
from hosts.models import Host, HostChange, HostGroup
from xqplatform.audit.models import Event

OF_HOST = ("role_run",)
OF_GROUP = ("slug", *LIMITS)


def committed(at: datetime) -> Committed:
    """An instance counts on the host and with the limits of the container that it had last; what had none yet, with those it has now."""
    ran = {row[0]: row[1:] for row in _ran(at)}
    of_config, of_place = _of_configs({config for _host, config in ran.values()}), sizes(_standing(at))
    hosts: dict[int, Promised] = defaultdict(Promised)
    places: dict[int, Promised] = defaultdict(Promised)
    for pk, place, now in _standing(at).order_by().values_list("pk", "place_id", "host_id").iterator():
        host, config = ran.get(pk, (now, None))
        size = of_place.get(place, NOTHING) if config is None else of_config[config]
        hosts[host].add(size, 1)
        places[place].add(size, 1)
    return Committed(hosts, places)


def _standing(at: datetime) -> QuerySet[Instance]:
    return Instance.objects.filter(Q(removed=None) | Q(removed__gt=at), created__lte=at)


def _ran(at: datetime) -> Iterator[tuple[int, int, int | None]]:
    """Instance, host and settings of the last container of each."""
    last = Container.objects.filter(created__lte=at).order_by().values("instance").annotate(last=Max("pk"))
    changed = _changed_later(at)
    rows = Container.objects.filter(pk__in=last.values("last")).order_by()
    for instance, host, config, ended in rows.values_list("instance_id", "host_id", "config_id", "ended").iterator():
        change = changed.get(instance)
        running = change is not None and (ended is None or ended > change[0])
        yield instance, host, change[1] if change is not None and running else config


def _changed_later(at: datetime) -> dict[int, tuple[datetime, int]]:
    """Instances whose running container was given other limits since: of the first time when, and the settings before it."""
    done = Step.objects.filter(action=Step.Action.LIMITS, state=Step.State.DONE, deployment__created__gt=at)
    rows = done.exclude(old_config=None).order_by("-deployment__created")
    return {
        pk: (time, old) for pk, time, old in rows.values_list("instance_id", "deployment__created", "old_config_id")
    }


def _of_configs(keys: set[int | None]) -> dict[int, Size]:
    wanted = sorted(key for key in keys if key is not None)
    found: dict[int, Size] = {}
    for first in range(0, len(wanted), 500):
        rows = ConfigVersion.objects.filter(pk__in=wanted[first : first + 500]).order_by()
        found |= {
            pk: size_of(cpus, memory) for pk, cpus, memory in rows.values_list("pk", "content__cpus", "content__memory")
        }
    return found


def addresses(at: datetime) -> Counter[int]:
    """Segment → how many instances more stood on it than do now."""
    found: Counter[int] = Counter()
    segment = Coalesce("address__segment", "place__segment", "place__environment__segment")
    for sign, rows in ((1, _standing(at)), (-1, Instance.objects.filter(removed=None))):
        for pk in rows.order_by().annotate(on=segment).exclude(on=None).values_list("on", flat=True).iterator():
            found[pk] += sign
    return found


def hosts(at: datetime) -> list[Host]:
    """Those that were in the fleet, with the state, the role, the group and its rules of then; not to be saved."""
    rows = {row.pk: row for row in Host.objects.select_related("group").filter(created__lte=at)}
    groups = {row.pk: row for row in HostGroup.objects.all()}
    for row in rows.values():
        row.group = groups.get(row.group_id or 0)
    for pk, old in HostChange.objects.filter(time__gt=at).order_by("-time", "-pk").values_list("host_id", "old"):
        if pk in rows:
            rows[pk].state = old
    _undo(at, rows, groups)
    return [row for row in rows.values() if row.state != Host.State.RETIRED]


def _undo(at: datetime, rows: dict[int, Host], groups: dict[int, HostGroup]) -> None:
    """Takes changes back, the newest first, so that a group is known by the name that it had at each of them."""
    events = Event.objects.filter(action__in=["host.change", "host.group.change"], time__gt=at, denied=False)
    for action, key, before in events.order_by("-id").values_list("action", "object_id", "before"):
        pk, was = int(key) if key.isdecimal() else 0, before or {}
        row: Host | HostGroup | None = rows.get(pk) if action == "host.change" else groups.get(pk)
        if row is None:
            continue
        for name in OF_HOST if isinstance(row, Host) else OF_GROUP:
            if name in was:
                setattr(row, name, was[name])
        if isinstance(row, Host) and "group" in was:
            row.group = next((one for one in groups.values() if one.slug == was["group"]), None)
