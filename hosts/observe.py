"""Reading a host: the whole inventory, or one container after an event. Rows are written, hooks called, pages told."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from hosts import conflicts, helper, hooks, inventory, labels
from hosts import engine as edge
from hosts.engine import Engine, EngineError
from hosts.models import Host, HostChange, SeenContainer
from xqplatform import live

log = logging.getLogger(__name__)
CLAIM = timedelta(seconds=150)  # longer than all time-outs of one refresh together
PING_SECONDS = 10.0
DISK = ("disk_total", "disk_free", "inodes_total", "inodes_free")
Json = dict[str, Any]


def refresh_host(host_pk: int) -> bool:
    """Reads the host once and stores what was seen. False: another worker is just doing it, or it is retired.

    Never raises for a host that does not answer: that is what gets stored.
    """
    now = timezone.now()
    free = Q(refresh_claimed=None) | Q(refresh_claimed__lt=now - CLAIM)
    mine = Host.objects.filter(free, pk=host_pk).exclude(state=Host.State.RETIRED)
    if not mine.update(refresh_claimed=now):
        return False
    try:
        host = Host.objects.select_related("group").get(pk=host_pk)
        _refresh(host)
    finally:
        Host.objects.filter(pk=host_pk, refresh_claimed=now).update(refresh_claimed=None)
    host.refresh_from_db()
    conflicts.look(host)
    hooks.call(hooks.HOST_REFRESHED, host)
    return True


def _refresh(host: Host) -> None:
    try:
        _pin(host)
        engine = edge.connect(host)
        engine.ping(timeout=PING_SECONDS)
        version = engine.version()
        asked = timezone.now()
        info = engine.info()
        listed = timezone.now()
        entries = engine.list_containers()
        space = engine.data_root_space(str(info.get("DockerRootDir") or "")[:250])
    except EngineError as error:
        _store_state(host, Host.State.UNREACHABLE, error.words, {})
        return
    fields = {**inventory.host_fields(version, info, asked, listed), "seen": timezone.now()}
    if space is not None:
        fields |= inventory.space_fields(space, timezone.now())
    else:
        # A helper measures it now and then, perhaps just now.
        host.refresh_from_db(fields=[*DISK])
    verdict = inventory.assess(
        info,
        skew=fields["clock_skew"],
        **{name: fields.get(name, getattr(host, name)) for name in DISK},
    )
    fields |= {"warnings": verdict.warnings, "notes": verdict.notes}
    helper.sweep(engine, entries)
    _store_containers(host, engine, entries, listed)
    _store_state(host, verdict.state, verdict.reason, fields)


def _pin(host: Host) -> None:
    """The first SSH connection pins the host's key; from then on another key is refused by the edge."""
    if host.connection != Host.Connection.SSH or host.ssh_host_key:
        return
    seen = edge.diagnose(edge.spec_of(host)).ssh_host_key
    if seen and Host.objects.filter(pk=host.pk, ssh_host_key="").update(ssh_host_key=seen):
        host.ssh_host_key = seen


def _store_state(host: Host, state: str, reason: str, fields: Json) -> None:
    now = timezone.now()
    with transaction.atomic():
        row = Host.objects.select_for_update().filter(pk=host.pk).exclude(state=Host.State.RETIRED).first()
        if row is None or row.connection_version != host.connection_version:
            # Removed, retired, or connected in another way meanwhile: what was seen is not this host any more.
            return
        if row.state != state:
            HostChange.objects.create(host=row, old=row.state, new=state, reason=reason, time=now)
            fields = {**fields, "state": state, "state_since": now}
        Host.objects.filter(pk=host.pk).update(**fields, state_reason=reason)
        live.bump(f"host:{host.pk}", *(["hosts"] if row.state != state or row.state_reason != reason else []))


def _store_containers(host: Host, engine: Engine, entries: list[Json], listed: datetime) -> None:
    """Makes the rows equal to the list; a row that an event brought up to date after `listed` is newer and stays."""
    known = {row.engine_id: row for row in host.seen_containers.all()}
    wanted = {str(entry["Id"]): entry for entry in entries if labels.HELPER not in (entry.get("Labels") or {})}
    fresh: list[SeenContainer] = []
    for engine_id, entry in wanted.items():
        row = known.get(engine_id)
        if row is not None and row.seen > listed:
            continue
        if row is None and known:
            # Its removal may have been heard while the list was on its way: ask again before it is brought back.
            fields = find(engine, engine_id)
            if fields is None:
                continue
        else:
            fields = inventory.container_fields(entry)
        fresh.append(SeenContainer(host=host, engine_id=engine_id, seen=listed, **fields))
    gone = [row.pk for row in known.values() if row.engine_id not in wanted and row.seen <= listed]
    changed = bool(gone) or any(one.engine_id not in known or known[one.engine_id].state != one.state for one in fresh)
    with transaction.atomic():
        if not Host.objects.filter(pk=host.pk).exclude(state=Host.State.RETIRED).exists():
            return
        host.seen_containers.filter(pk__in=gone, seen__lte=listed).delete()
        _write(fresh)
        if changed:
            live.bump("hosts")


UPDATED = ["name", "image", "image_id", "state", "status", "health", "ip", "mac", "labels", "ours", "created", "seen"]


def _write(rows: list[SeenContainer]) -> None:
    SeenContainer.objects.bulk_create(
        rows, batch_size=50, update_conflicts=True, unique_fields=["host", "engine_id"], update_fields=UPDATED
    )


def find(engine: Engine, engine_id: str) -> Json | None:
    """One container's columns as they are now; None if it is gone. Raises EngineError."""
    try:
        answer = engine.inspect(engine_id)
    except EngineError as error:
        if error.kind == "not_found":
            return None
        raise
    return inventory.inspected_fields(answer, timezone.now())


def see_containers(host: Host, engine: Engine, engine_ids: Iterable[str], removed: Collection[str] = ()) -> None:
    """Brings containers' rows up to date with the engine; of the `removed` it need not be asked. Raises EngineError."""
    there, gone = [], []
    for engine_id in engine_ids:
        asked = timezone.now()
        fields = find(engine, engine_id) if engine_id not in removed else None
        if fields is None:
            gone.append(engine_id)
        else:
            there.append(SeenContainer(host=host, engine_id=engine_id, seen=asked, **fields))
    if gone:
        host.seen_containers.filter(engine_id__in=gone).delete()
    _write(there)


# What changes a container. Health checks run as execs, several events a second and container: the engine keeps them.
EVENTS = (
    "create", "start", "restart", "stop", "die", "kill", "oom", "pause", "unpause", "rename", "update", "destroy",
    "health_status",
)  # fmt: skip


def concerns(event: Mapping[str, Any]) -> bool:
    """Whether it may change what is stored of a container."""
    action = str(event.get("Action") or event.get("status") or "")
    return event.get("Type", "container") == "container" and action.partition(":")[0] in EVENTS


def heard(host: Host, engine: Engine, events: Iterable[Mapping[str, Any]]) -> int:
    """Takes in events of the engine; returns how many containers they were about. Raises EngineError."""
    changes: dict[str, dict[str, Mapping[str, Any]]] = {}
    for event in events:
        action = str(event.get("Action") or event.get("status") or "")
        actor = event.get("Actor") or {}
        engine_id = str(actor.get("ID") or event.get("id") or "")
        attributes = actor.get("Attributes") or {}
        if event.get("Type", "container") != "container" or not engine_id or labels.HELPER in attributes:
            continue
        if action.partition(":")[0] in EVENTS:
            changes.setdefault(engine_id, {})[action] = attributes
    if changes:
        see_containers(host, engine, changes, {one for one, actions in changes.items() if "destroy" in actions})
        live.bump("hosts", f"host:{host.pk}")
        told = [hooks.Change(engine_id, actions) for engine_id, actions in changes.items()]
        hooks.call(hooks.CONTAINER_HOOKS, host.pk, told)
    return len(changes)
