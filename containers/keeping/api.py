"""REST API of a place's data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from containers.keeping import policies, reading
from containers.keeping.models import Restore, Snapshot
from containers.keeping.services import cancelling, copies, restores, snapshots
from containers.keeping.views.data import get_snapshot
from containers.schemas import Paged
from containers.views.access import NUMBER_LIMIT, get_place
from xqplatform.accounts.http import actor_of

router = Router(tags=["data"])
HERE = "/services/{slug}/{environment}"


class VolumeOut(Schema):
    name: str
    pool: str
    target: str
    size: int | None = Field(None, description="Bytes; null where the pool does not count")


class InstanceDataOut(Schema):
    instance: int
    host: str
    why_not: str = Field(description="Why there are no snapshots of it; empty: there can be")
    volumes: list[VolumeOut]
    others: list[str] = Field(
        description="Snapshots on the host that are not the platform's, VOLUME/NAME; it leaves them alone"
    )


class SnapshotOut(Schema):
    id: int
    name: str = Field(description="Its name on the host")
    instance: int
    host: str
    state: str
    why: str = Field(description="hand, schedule, release, restore")
    pinned: bool
    volumes: list[VolumeOut]
    manifest: dict[str, Any]
    who: str
    reason: str
    created: datetime
    taken: datetime | None
    still_ms: int = Field(description="How long the instance stood still for it")
    words: str
    operation: int | None
    release: int | None


class MovedOut(Schema):
    id: int
    volume: str
    instance: int
    host: str
    name: str = Field(description="Its name on the host")
    why: str = Field(description="arriving, left, returned")
    created: datetime
    until: datetime | None = Field(description="When it is removed; null: as long as it is on its way")
    words: str = Field(description="Why it is not removed, or could not be")


class TakeIn(Schema):
    model_config = {"extra": "forbid"}
    instances: list[int] | None = Field(None, description="Their numbers; null: all")
    reason: str = ""


class PinIn(Schema):
    model_config = {"extra": "forbid"}
    pinned: bool


class CancelledOut(Schema):
    operation: int
    state: str


class RestoreIn(Schema):
    model_config = {"extra": "forbid"}
    name: str = Field(description="The instance's name, because data is lost: snow-production-3")
    reason: str = ""
    save: bool = Field(True, description="Keep what is there now as a snapshot first")


class CopyIn(Schema):
    model_config = {"extra": "forbid"}
    name: str = Field(description="The name of the instance that gets the data: snow-acceptance-1")
    reason: str = ""
    save: bool = Field(True, description="Keep what it has now as a snapshot first")


class RestoreOut(Schema):
    id: int
    instance: int
    snapshot: str
    safety: str = Field(description="The snapshot of what was there before; empty: none")
    state: str
    who: str
    reason: str
    created: datetime
    ended: datetime | None
    words: str
    operation: int | None
    release: int | None


class SnapshotPolicyIn(Schema):
    """`every`: hours, 0: none by themselves; `at`: a time of day (UTC) that they are counted from."""

    model_config = {"extra": "forbid"}
    every: int = 0
    at: str = "03:00"
    keep_last: int = 3
    keep_hourly: int = 0
    keep_daily: int = 7
    keep_weekly: int = 0
    release: bool = Field(True, description="One before each release")
    back: bool = Field(False, description="A release that goes back puts it back: what was written since is lost")
    most_still: int = Field(60, description="Seconds that an instance may stand still")


def out(row: Snapshot) -> dict[str, Any]:
    words = row.words or (row.operation.words if row.operation and row.state == Snapshot.State.FAILED else "")
    return {
        "id": row.pk,
        "name": row.label,
        "instance": row.instance.number,
        "host": row.host.name,
        "state": str(row.state),
        "why": str(row.why),
        "words": words,
        "operation": row.operation_id,
        "release": row.deployment_id,
    } | {
        name: getattr(row, name)
        for name in ("pinned", "volumes", "manifest", "who", "reason", "created", "taken", "still_ms")
    }


def restore_out(row: Restore) -> dict[str, Any]:
    words = row.words or (row.operation.words if row.operation else "")
    return {
        "id": row.pk,
        "instance": row.instance.number,
        "snapshot": row.source,
        "safety": row.safety.label if row.safety else "",
        "state": str(row.state),
        "words": words,
        "operation": row.operation_id,
        "release": row.deployment_id,
    } | {name: getattr(row, name) for name in ("who", "reason", "created", "ended")}


@router.get(f"{HERE}/data", response=list[InstanceDataOut], summary="The volumes of each instance")
def show_data(request: HttpRequest, slug: str, environment: str) -> list[dict[str, Any]]:
    place = get_place(actor_of(request), slug, environment)
    return [
        {
            "instance": line.instance.number,
            "host": line.instance.host.name,
            "why_not": line.why,
            "volumes": line.volumes,
            "others": line.others,
        }
        for line in reading.lines(place)
    ]


@router.get(f"{HERE}/data/moved", response=list[MovedOut], summary="Volumes that moves made or left on hosts")
def list_moved(request: HttpRequest, slug: str, environment: str, paged: Query[Paged]) -> list[dict[str, Any]]:
    place = get_place(actor_of(request), slug, environment)
    rows = reading.moved_of(actor_of(request), place)[paged.offset : paged.offset + paged.limit]
    return [
        {"volume": row.was, "instance": row.instance.number, "host": row.host.name, "why": str(row.kind)}
        | {name: getattr(row, name) for name in ("id", "name", "created", "until", "words")}
        for row in rows
    ]


@router.get(f"{HERE}/snapshots", response=list[SnapshotOut], summary="Snapshots, newest first")
def list_snapshots(request: HttpRequest, slug: str, environment: str, paged: Query[Paged]) -> list[dict[str, Any]]:
    place = get_place(actor_of(request), slug, environment)
    rows = reading.snapshots_of(actor_of(request), place)
    return [out(row) for row in rows[paged.offset : paged.offset + paged.limit]]


@router.post(f"{HERE}/snapshots", response={202: list[SnapshotOut]}, summary="Take a snapshot of instances")
def take_snapshots(request: HttpRequest, slug: str, environment: str, data: TakeIn) -> Any:
    """They are being taken: look at their states, or their operations on the hosts."""
    place = get_place(actor_of(request), slug, environment)
    return Status(202, [out(row) for row in snapshots.take(actor_of(request), place, data.instances, data.reason)])


@router.get(f"{HERE}/snapshots/policy", response=SnapshotPolicyIn, summary="When they are taken, and how long kept")
def show_snapshot_policy(request: HttpRequest, slug: str, environment: str) -> dict[str, Any]:
    return policies.policy_of(get_place(actor_of(request), slug, environment)).to_json()


@router.put(f"{HERE}/snapshots/policy", response=SnapshotPolicyIn, summary="Say when, and how long")
def save_snapshot_policy(request: HttpRequest, slug: str, environment: str, data: SnapshotPolicyIn) -> dict[str, Any]:
    place = get_place(actor_of(request), slug, environment)
    return policies.save_policy(actor_of(request), place, data.dict()).to_json()


@router.post(f"{HERE}/data/operations/{{number}}/cancel", response={202: CancelledOut}, summary="Break it off")
def cancel_data_operation(request: HttpRequest, slug: str, environment: str, number: int) -> Any:
    """It stops at its next step; what it did is undone."""
    place = get_place(actor_of(request), slug, environment)
    row = cancelling.cancel(actor_of(request), place, min(max(0, number), NUMBER_LIMIT))
    return Status(202, {"operation": row.pk, "state": row.shown_state})


@router.get("/snapshots/{number}", response=SnapshotOut, summary="A snapshot")
def show_snapshot(request: HttpRequest, number: int) -> dict[str, Any]:
    return out(get_snapshot(request, number))


@router.patch(
    "/snapshots/{number}", response=SnapshotOut, summary="Keep it whatever the rules of retention say, or not"
)
def pin_snapshot(request: HttpRequest, number: int, data: PinIn) -> dict[str, Any]:
    return out(snapshots.pin(actor_of(request), get_snapshot(request, number), data.pinned))


@router.get(f"{HERE}/restores", response=list[RestoreOut], summary="When data was put back, newest first")
def list_restores(request: HttpRequest, slug: str, environment: str, paged: Query[Paged]) -> list[dict[str, Any]]:
    place = get_place(actor_of(request), slug, environment)
    rows = reading.restores_of(actor_of(request), place)
    return [restore_out(row) for row in rows[paged.offset : paged.offset + paged.limit]]


@router.post("/snapshots/{number}/restore", response={202: RestoreOut}, summary="Put the data back as it was")
def restore_snapshot(request: HttpRequest, number: int, data: RestoreIn) -> Any:
    """What was written since is lost to the instance; `save` keeps it as a snapshot. The instance stops meanwhile."""
    row = get_snapshot(request, number)
    made = restores.restore(actor_of(request), row, data.name, data.reason, save=data.save)
    return Status(202, restore_out(made))


@router.post("/snapshots/{number}/copy", response={202: RestoreOut}, summary="Give its data to another instance")
def copy_snapshot(request: HttpRequest, number: int, data: CopyIn) -> Any:
    """That instance stops meanwhile, and its own data is lost to it; `save` keeps it as a snapshot."""
    made = copies.copy(actor_of(request), get_snapshot(request, number), data.name, data.reason, save=data.save)
    return Status(202, restore_out(made))


@router.delete("/snapshots/{number}", response={202: SnapshotOut}, summary="Remove a snapshot")
def remove_snapshot(request: HttpRequest, number: int, name: str = "", reason: str = "") -> Any:
    """`name`: its own (`xq-7`), because nobody can bring it back."""
    return Status(202, out(snapshots.remove(actor_of(request), get_snapshot(request, number), name, reason)))
