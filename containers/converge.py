"""What is stored against what is seen: the state of every instance, and its drift.

Rows only: hosts' inventories and event streams (`hosts.observe`) bring what the engines have into `SeenContainer`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import happenings, holds, keeping_logs, spec
from containers.config import Config, parse
from containers.models import Container, Deployment, Instance, KeptLog, ServiceEnvironment, Step
from containers.services import contract, releases
from containers.services.settings import topic
from containers.traffic import rows as traffic
from hosts import hooks, labels
from hosts.engine import EngineError, Limits, connect
from hosts.models import Host, SeenContainer
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
GRACE = timedelta(seconds=5)  # an inventory must be so much younger than a container to say that it is missing
ORPHAN_AGE = timedelta(minutes=3)
FEW = 50  # instances for which single rows are looked up instead of whole hosts
REPAIRS, WITHIN = 3, timedelta(minutes=10)
Json = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """What an instance should be. `images`: all names under which its image counts as the right one."""

    wanted_state: str
    engine_id: str
    images: frozenset[str]
    image: str
    limits: Limits


@dataclass(frozen=True)
class Seen:
    """What its engine has. `limits`: None where nobody looked."""

    engine_id: str
    state: str
    image: str
    image_id: str
    limits: Json | None = None


def drift(stored: Stored, seen: Seen | None) -> list[Json]:
    """In what the container is not what is stored: [{"what", "stored", "found"}]. Pure."""
    if seen is None:
        if stored.wanted_state == "stopped":
            return []
        return [{"what": "container", "stored": stored.image or _("a container"), "found": _("missing")}]
    found: list[Json] = []
    if stored.engine_id and seen.engine_id != stored.engine_id:
        found.append({"what": "container", "stored": stored.engine_id[:12], "found": seen.engine_id[:12]})
    if stored.images and not stored.images & {seen.image, seen.image_id}:
        found.append({"what": "image", "stored": stored.image, "found": seen.image or seen.image_id})
    runs = seen.state in {"running", "restarting", "paused"}
    if stored.wanted_state == "running" and (not runs or seen.state == "paused"):
        found.append({"what": "state", "stored": "running", "found": seen.state})
    if stored.wanted_state == "stopped" and runs:
        found.append({"what": "state", "stored": "stopped", "found": seen.state})
    if seen.limits is not None:
        found += _limits(stored.limits, seen.limits)
    return found


def _limits(stored: Limits, seen: Mapping[str, Any]) -> list[Json]:
    found: list[Json] = []
    if stored.memory and int(seen.get("Memory") or 0) != stored.memory:
        found.append({"what": "memory", "stored": stored.memory, "found": int(seen.get("Memory") or 0)})
    quota, period = int(seen.get("CpuQuota") or 0), int(seen.get("CpuPeriod") or 100_000)
    if int(seen.get("NanoCpus") or 0):
        quota, period = int(seen["NanoCpus"]) // 10_000, 100_000
    if stored.cpu_quota and quota * stored.cpu_period != stored.cpu_quota * period:
        found.append({"what": "cpus", "stored": stored.cpu_quota / stored.cpu_period, "found": quota / period})
    pids = max(0, int(seen.get("PidsLimit") or 0))
    if pids != stored.pids:
        found.append({"what": "pids", "stored": stored.pids, "found": pids})
    return found


def shown_state(seen: SeenContainer | None) -> str:
    """The instance's word for what its engine has."""
    if seen is None:
        return "missing"
    if seen.state == "restarting":
        return "unhealthy"
    return (seen.health or "running") if seen.state == "running" else "stopped"


def converge(
    instances: Iterable[int] | None = None, *, gone: Collection[str] = (), look: bool = False, hosts: Any = None
) -> int:
    """Brings state and drift of the instances (None: all) up to date; returns how many have drift.

    `gone`: engine ids that were just removed; `look`: also ask the engine for limits.
    """
    rows = Instance.objects.filter(removed=None, host__state__in=Host.ANSWERING).select_related(
        "place__service", "place__environment", "host"
    )
    if instances is not None:
        rows = rows.filter(pk__in=list(instances))
    if hosts is not None:
        rows = rows.filter(host__in=hosts)
    found = list(rows)
    busy = set(
        Deployment.objects.filter(state__in=Deployment.ACTIVE, place__in={one.place_id for one in found}).values_list(
            "place_id", flat=True
        )
    )
    current = _current(found)
    seen_of = _seen(found)
    count = 0
    for one in found:
        container = current.get(one.pk)
        seen = _choose(one, container, seen_of)
        if container is None and seen is None:
            continue  # nothing ran here yet
        if seen is None and not _surely_missing(one, container, gone):
            continue
        if one.place_id in busy:
            _save(one, container, seen, one.drift, busy=True)
            continue
        _missed_end(one, container, seen)
        what = drift(_stored(one, container), _as_seen(one, seen, look))
        if not look:  # nobody looked at limits now: what was found earlier stands
            what += [d for d in one.drift if d["what"] in {"memory", "cpus", "pids"} and seen is not None and not what]
        if what and what != one.drift:
            # It stands still or is stopped, for a moment, because the platform is at its data: no drift, nothing to repair.
            if seen is not None and seen.state == "paused" and holds.is_held_still(one):
                continue
            if holds.holder(one.place):
                _save(one, container, seen, one.drift, busy=True)
                continue
        count += bool(what)
        _save(one, container, seen, what)
    _auto_repair({one.place_id for one in found if one.drift and one.place.environment.auto_repair} - busy)
    return count


def _current(instances: list[Instance]) -> dict[int, Container]:
    rows = Container.objects.filter(instance__in=instances, ended=None).select_related("image__registry", "config")
    return {row.instance_id: row for row in rows.order_by("id")}


def _seen(instances: list[Instance]) -> dict[tuple[int, str], list[SeenContainer]]:
    rows = SeenContainer.objects.filter(host__in={one.host_id for one in instances})
    if len(instances) <= FEW:
        ids = {row.engine_id for row in Container.objects.filter(instance__in=instances, ended=None)}
        names = [name for one in instances for name in (one.name, f"{one.name}-next")]
        rows = rows.filter(Q(engine_id__in=ids) | Q(name__in=names))
    found: dict[tuple[int, str], list[SeenContainer]] = {}
    for row in rows:
        found.setdefault((row.host_id, row.engine_id), []).append(row)
        if row.ours:
            found.setdefault((row.host_id, f"instance {row.labels.get(labels.INSTANCE)}"), []).append(row)
        found.setdefault((row.host_id, f"name {row.name}"), []).append(row)
    return found


def _choose(
    one: Instance, container: Container | None, seen: Mapping[tuple[int, str], list[SeenContainer]]
) -> SeenContainer | None:
    """The container that the platform put there; else another one with its labels, or with its name."""
    keys = [container.engine_id] if container is not None else []
    keys += [f"instance {one.pk}", f"name {one.name}"]
    for key in keys:
        rows = seen.get((one.host_id, key))
        if rows:
            return max(rows, key=lambda row: row.state == "running")
    return None


def _surely_missing(one: Instance, container: Container | None, gone: Collection[str]) -> bool:
    """An inventory that is older than the container cannot know it."""
    if container is not None and container.engine_id in gone:
        return True
    times = [one.created]
    if container is not None:
        times += [container.created, container.healthy or container.created]
    since = max(times)
    return one.host.seen is not None and one.host.seen > since + GRACE


def _stored(one: Instance, container: Container | None) -> Stored:
    image = container.image if container is not None else None
    names = {image.image_id, image.digest, image.reference} - {""} if image is not None else set()
    version = container.config if container is not None else None
    config = parse(version.content) if version is not None else Config()
    return Stored(
        wanted_state=one.wanted_state,
        engine_id=container.engine_id if container is not None else "",
        images=frozenset(names) if image is not None and (image.image_id or image.registry_id) else frozenset(),
        image=str(image or ""),
        limits=spec.limits_of(config),
    )


def _as_seen(one: Instance, seen: SeenContainer | None, look: bool) -> Seen | None:
    if seen is None:
        return None
    limits: Json | None = None
    if look:
        try:
            limits = dict(connect(one.host).inspect(seen.engine_id).get("HostConfig") or {})
        except EngineError as error:
            log.info("The limits of %s could not be read: %s", one, error)
    return Seen(seen.engine_id, seen.state, seen.image, seen.image_id, limits)


def _found_well(container: Container | None, seen: SeenContainer | None) -> bool:
    """Whether a release found the container well before the engine did its first check, and it has not ended since."""
    if container is None or seen is None or seen.engine_id != container.engine_id:
        return False
    return container.healthy is not None and container.exit_code is None


def _save(
    one: Instance, container: Container | None, seen: SeenContainer | None, what: list[Json], *, busy: bool = False
) -> None:
    now = timezone.now()
    state = shown_state(seen)
    if state == "starting" and _found_well(container, seen):
        state = "healthy"
    fields: Json = {"state": state, "status": seen.status if seen is not None else "", "seen": now}
    # (While a change is under way, it notes the address itself: the inventory may know the container of before only.)
    known = seen is not None and (container is None or seen.engine_id == container.engine_id)
    if seen is not None and known and not busy and seen.ip and one.address_id is None:
        fields["ip"] = seen.ip
    moved = fields.get("ip", one.ip) != one.ip
    appeared = bool(what) and not one.drift
    if what != one.drift:
        fields |= {"drift": what, "drift_since": (one.drift_since or now) if what else None}
    changed = any(getattr(one, name) != value for name, value in fields.items() if name not in {"seen", "status"})
    if not changed and one.status == fields["status"]:
        return
    for name, value in fields.items():
        setattr(one, name, value)
    with transaction.atomic():
        Instance.objects.filter(pk=one.pk).update(**fields)
        if moved:
            traffic.changed(one.place)  # fronts would go on to send to the old address
        if appeared:
            audit.record(Actor.system(), "instance.drift", one, after={"drift": what}, parent=one.place.service)
        if changed:
            live.bump(topic(one.place), f"instance:{one.pk}", "services")


def _auto_repair(places: set[int]) -> None:
    """Puts drift right where the environment says so; a place that breaks again and again is left to people."""
    for place_pk in places:
        place = Instance.objects.filter(place=place_pk).select_related("place__service", "place__environment")[0].place
        recent = place.deployments.filter(kind=Deployment.Kind.REPAIR, created__gt=timezone.now() - WITHIN).count()
        if recent >= REPAIRS:
            continue
        try:
            releases.repair(Actor.system("auto repair"), place, reason=_("drift in an environment that repairs itself"))
        except Refused as refused:
            log.info("No repair of %s now: %s", place, refused)


def converge_all() -> int:
    """All instances; then what the platform made and no instance owns any more is removed from the engines."""
    count = converge()
    sweep()
    contract.sweep()
    return count


def sweep(hosts: Iterable[int] | None = None) -> int:
    """Removes containers of ours that belong to no standing instance, or to one that stands elsewhere; returns how many."""
    removed = sum(_remove_seen(row, _("its instance stands on another host")) for row in strays(hosts))
    old = SeenContainer.objects.filter(
        ours=True, created__lt=timezone.now() - ORPHAN_AGE, host__state__in=Host.ANSWERING
    ).select_related("host")
    if hosts is not None:
        old = old.filter(host__in=hosts)
    stands = set(Instance.objects.filter(removed=None).values_list("pk", flat=True))
    for row in old:
        instance = str(row.labels.get(labels.INSTANCE, ""))
        if not instance.isdigit() or int(instance) in stands:
            continue
        if Deployment.objects.filter(state__in=Deployment.ACTIVE, steps__instance=int(instance)).exists():
            continue
        removed += _remove_seen(row, _("it belongs to no instance any more"))
    return removed


def _remove_seen(row: SeenContainer, why: str) -> bool:
    log.warning("Removing %s on %s: %s", row.name, row.host, why)
    instance = str(row.labels.get(labels.INSTANCE, ""))
    try:
        engine = connect(row.host)
        if instance.isdigit():
            keeping_logs.keep(engine, row.engine_id, int(instance), KeptLog.Why.STRAY, host=row.host.name)
        engine.remove(row.engine_id, force=True)
    except EngineError as error:
        log.info("%s on %s could not be removed: %s", row.name, row.host, error)
        return False
    return True


def strays(hosts: Iterable[int] | None = None) -> list[SeenContainer]:
    """Containers of instances that stand on another host: left behind by a move, or back with a host that was away.

    They would answer for their instance's address, so no age protects them; what a move under way still needs is not
    one of them. The order of the three looks matters: a container that was seen before its move ended is judged by where
    its instance stands after it.
    """
    rows = SeenContainer.objects.filter(ours=True, host__state__in=Host.ANSWERING).select_related("host")
    if hosts is not None:
        rows = rows.filter(host__in=hosts)
    seen = [row for row in rows if str(row.labels.get(labels.INSTANCE, "")).isdigit()]
    moving: dict[int, set[int]] = {}
    under_way = Step.objects.filter(deployment__state__in=Deployment.ACTIVE, action=Step.Action.MOVE)
    for instance, host, old_host, fenced in under_way.values_list("instance_id", "host_id", "old_host_id", "fenced"):
        # (Of a host that was off nothing is needed: what runs there again is a second one.)
        moving.setdefault(instance, set()).update({host} if fenced else {host, old_host})
    stands = dict(Instance.objects.filter(removed=None).values_list("pk", "host_id"))
    found = []
    for row in seen:
        instance = int(row.labels[labels.INSTANCE])
        if instance in stands and stands[instance] != row.host_id and row.host_id not in moving.get(instance, ()):
            found.append(row)
    return found


# --- Hooks: what hosts and builds call ---------------------------------------------------------------------------


def containers_changed(host: int, changes: Sequence[hooks.Change]) -> None:
    """Events of an engine's containers."""
    rows: dict[str, Container] = {}
    known = Container.objects.filter(host=host, engine_id__in=[one.engine_id for one in changes]).select_related(
        "instance__place__service", "instance__place__environment", "config"
    )
    for found in known.order_by("id"):
        rows[found.engine_id] = found
    touched: set[int] = set()
    look: set[int] = set()
    gone: set[str] = set()
    for one in changes:
        row = rows.get(one.engine_id)
        if row is None:
            touched |= {int(pk) for pk in map(_instance_of, one.actions.values()) if pk.isdigit()}
            continue
        _note_end(row, one)
        if row.ended is None:
            touched.add(row.instance_id)
            look |= {row.instance_id} if "update" in one.actions else set()
            gone |= {one.engine_id} if "destroy" in one.actions else set()
    contract.started(host, [one.engine_id for one in changes if "start" in one.actions])
    if touched - look:
        converge(touched - look, gone=gone)
    if look:
        converge(look, gone=gone, look=True)


def _instance_of(attributes: Mapping[str, Any]) -> str:
    ours = attributes.get(labels.PLATFORM) == labels.installation()
    return str(attributes.get(labels.INSTANCE, "")) if ours else ""


def _note_end(row: Container, change: hooks.Change) -> None:
    """How it ended, while the engine tells it."""
    code = str(change.actions.get("die", {}).get("exitCode", ""))
    if code.lstrip("-").isdigit():
        Container.objects.filter(pk=row.pk).update(exit_code=int(code))
    if "oom" in change.actions:
        happenings.oom(row, code=code)


def _missed_end(one: Instance, container: Container | None, seen: SeenContainer | None) -> None:
    """It was killed and nobody heard the event: its engine still knows why, and is asked once."""
    if container is None or seen is None or container.exit_code is not None or container.engine_id != seen.engine_id:
        return
    if seen.state != "exited" or "(137)" not in seen.status:
        return
    try:
        state = connect(one.host).inspect(container.engine_id).get("State") or {}
    except EngineError as error:
        log.info("How %s ended could not be read: %s", one, error)
        return
    Container.objects.filter(pk=container.pk).update(exit_code=state.get("ExitCode"))
    if state.get("OOMKilled"):
        happenings.noticed_oom(container.engine_id, state)


def host_refreshed(host: Host) -> None:
    """A host's inventory was read as a whole. One that comes back may bring what was given up or moved meanwhile."""
    converge(hosts=[host.pk])
    sweep([host.pk])


def keeps_image(image: Any) -> str | None:
    """Why an image must not be discarded: it runs, or somebody may have to go back to it."""
    row = (
        Container.objects.filter(image=image, ended=None, instance__removed=None)
        .select_related("instance__place__service", "instance__place__environment")
        .first()
    )
    if row is not None:
        return _("It runs in %(instance)s.") % {"instance": row.instance}
    active = Deployment.objects.filter(state__in=Deployment.ACTIVE)
    if active.filter(image=image).exists() or active.filter(steps__old_image=image).exists():
        return _("A release that is under way needs it.")
    if Deployment.objects.filter(state=Deployment.State.WAITING, image=image).exists():
        return _("A release that waits needs it.")
    place = ServiceEnvironment.objects.filter(current_image=image).select_related("service", "environment").first()
    if place is not None:
        return _("It is the current release of %(place)s.") % {"place": place}
    for last in _last_releases():
        if last.old_image_id == image.pk:
            return _("%(place)s would go back to it in a rollback.") % {"place": last.place}
    return None


def _last_releases() -> list[Deployment]:
    """The last successful release of each place: what it replaced is where one goes back to."""
    rows = Deployment.objects.filter(kind=Deployment.Kind.DEPLOY, state=Deployment.State.SUCCEEDED)
    found: dict[int, Deployment] = {}
    for row in rows.select_related("place__service", "place__environment").order_by("id"):
        found[row.place_id] = row
    return [row for row in found.values() if row.place.service.removed is None]


def running_words(images: list[Any]) -> dict[int, list[str]]:
    """For the version list: where each image runs, «production: 6»."""
    counted: dict[int, dict[str, int]] = {}
    rows = Container.objects.filter(image__in=images, ended=None, instance__removed=None)
    for row in rows.select_related("instance__place__environment").only("image_id", "instance__place__environment"):
        places = counted.setdefault(row.image_id or 0, {})
        title = row.instance.place.environment.local_title
        places[title] = places.get(title, 0) + 1
    return {pk: [f"{title}: {count}" for title, count in places.items()] for pk, places in counted.items()}
