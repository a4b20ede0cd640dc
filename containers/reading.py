"""What pages and the API read about places and releases: stored rows only, a few queries whatever the number of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Max, Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from containers.models import Container, Deployment, Instance, PersistedFolder, ServiceEnvironment, Step
from hosts import unseen
from hosts.models import Host
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import hidden_names
from xqplatform.audit.models import Event

GOOD = ("healthy", "running")


@dataclass
class Standing:
    """How a place stands, in numbers and one state word."""

    place: ServiceEnvironment
    total: int = 0
    good: int = 0
    starting: int = 0
    stopped: int = 0
    drifted: int = 0
    hosts: int = 0
    last: Deployment | None = None
    states: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The word of the pill: what is bad first, then what is going on, then «healthy»."""
        if self.place.current_image_id is None and self.total == 0:
            return "empty"
        if self.drifted:
            return "drift"
        if self.good == self.total:
            return "healthy" if self.total else "stopped"
        if self.good + self.starting == self.total:
            return "starting"
        if self.stopped and self.good + self.stopped == self.total:
            return "stopped"
        return "unhealthy"

    @property
    def active(self) -> Deployment | None:
        return self.place.active


def standings(places: Iterable[ServiceEnvironment]) -> dict[int, Standing]:
    """The standing of each place by its primary key; three queries in all."""
    found = {place.pk: Standing(place) for place in places}
    counts = (
        Instance.objects.filter(place__in=found, removed=None)
        .values("place_id", "state", "wanted_state")
        .annotate(n=Count("pk"), drifted=Count("pk", filter=Q(drift_since__isnull=False)))
        .order_by()
    )
    for row in counts:
        s, n = found[row["place_id"]], row["n"]
        s.total += n
        s.drifted += row["drifted"]
        s.states[row["state"]] = s.states.get(row["state"], 0) + n
        if row["state"] in GOOD:
            s.good += n
        elif row["state"] == "starting":
            s.starting += n
        elif row["state"] == "stopped" and row["wanted_state"] == "stopped":
            s.stopped += n
    hosts = (
        Instance.objects.filter(place__in=found, removed=None)
        .values("place_id")
        .annotate(n=Count("host", distinct=True))
    )
    for place_id, n in hosts.order_by().values_list("place_id", "n"):
        found[place_id].hosts = n
    # (What waits has changed nothing yet.)
    begun = Deployment.objects.filter(place__in=found).exclude(state=Deployment.State.WAITING)
    newest = begun.order_by().values("place_id").annotate(newest=Max("id")).values_list("newest", flat=True)
    for deployment in Deployment.objects.filter(pk__in=list(newest)).select_related("image"):
        found[deployment.place_id].last = deployment
    return found


def places() -> QuerySet[ServiceEnvironment]:
    """All places of services that were not removed, with what every page shows of them."""
    return ServiceEnvironment.objects.filter(service__removed=None).select_related(
        "service__team", "environment", "current_image__build", "current_config", "config", "active"
    )


def instances_of(place: ServiceEnvironment) -> list[Instance]:
    """The instances of a place with host, address and `shown`: the container that runs in it (or None)."""
    rows: list[Any] = list(
        place.instances.filter(removed=None)
        .select_related("host", "address", "serving", "place__service", "place__environment")
        .prefetch_related(
            Prefetch(
                "containers",
                Container.objects.filter(ended=None).select_related("image", "config").order_by("-id"),
                to_attr="running",
            )
        )
        .order_by("number")
    )
    for row in rows:
        row.shown = row.running[0] if row.running else None
    return rows


def history(rows: list[Any], limit: int = 20) -> list[Event]:
    """The newest events of these rows, and of what has one of them as its parent."""
    named: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        named[row._meta.label_lower].append(str(row.pk))
    wanted = Q(pk__in=[])
    for kind, keys in named.items():
        wanted |= Q(object_type=kind, object_id__in=keys) | Q(parent_type=kind, parent_id__in=keys)
    return list(Event.objects.filter(wanted).order_by("-id")[:limit])


def shown_ip(instance: Instance) -> str:
    return instance.address.ip if instance.address else instance.ip


def shown_mac(instance: Instance) -> str:
    return instance.address.mac if instance.address else ""


def folders_of(host: Host | None = None, instance: Instance | None = None) -> list[PersistedFolder]:
    """Persisted folders of a host, or those that an instance has or had, each with `mounted` and `note` for people."""
    rows = PersistedFolder.objects.filter(removed=None).select_related(
        "host", "instance__host", "instance__address", "instance__place__service", "instance__place__environment"
    )
    if host is not None:
        rows = rows.filter(host=host)
    if instance is not None:
        rows = rows.filter(instance=instance)
    found: list[Any] = list(rows)
    used = set(
        Instance.objects.filter(removed=None, host__in={row.host_id for row in found}).values_list(
            "host_id", "address__ip"
        )
    )
    for row in found:
        row.mounted, row.note = (row.host_id, row.ip) in used, ""
        if row.instance is not None and row.instance.removed:
            row.note = _("The instance is gone.")
        elif row.instance is not None and row.instance.host_id != row.host_id:
            row.note = _("The instance moved to %(host)s; what it had written is still here.") % {
                "host": row.instance.host
            }
        elif row.instance is not None and row.instance.address and row.instance.address.ip != row.ip:
            row.note = _("The instance has %(ip)s now; what it had written is still here.") % {
                "ip": row.instance.address.ip
            }
        elif row.instance is None and not row.holder:
            row.note = _("No instance that the platform knows had it.")
    return found


def shown_folders(actor: Actor, rows: list[PersistedFolder]) -> list[PersistedFolder]:
    """Folders of a host as the actor may see them: nameless where they belong to a closed team. Not to be saved."""
    names, found = hidden_names(actor), rows
    for row in found if names else ():
        slug = row.instance.place.service.slug if row.instance is not None else row.holder.partition("/")[0]
        if slug in names:
            row.instance, row.holder, row.note = None, unseen.nameless(), ""  # type: ignore[attr-defined]
    return found


def stranded(steps: Iterable[Step]) -> list[Step]:
    """Steps of a move that left their instance on a host which went away: nobody starts it elsewhere before somebody made
    sure that this host is off.
    """
    return [
        step
        for step in steps
        if step.action == Step.Action.MOVE
        and step.state == Step.State.UNDO_FAILED
        and step.instance.removed is None
        and step.instance.host_id == step.host_id
        and step.instance.host.state not in Host.ANSWERING
    ]
