"""REST API of backups, drills, and stores."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from containers.keeping import backup_policies, reading_backups
from containers.keeping.api import PinIn, RestoreOut, restore_out
from containers.keeping.models import Backup, BackupTarget, Drill
from containers.keeping.services import backups, drills, recoveries, targets
from containers.keeping.views.backups import get_backup
from containers.schemas import Paged
from containers.views.access import get_place
from xqplatform.accounts.http import actor_of

router = Router(tags=["data"])
HERE = "/services/{slug}/{environment}/backups"
STORES = "/backup-stores"


class DrillOut(Schema):
    id: int
    state: str = Field(description="trying, starts, fails, broken (it could not be tried)")
    host: str | None
    ip: str
    created: datetime
    ended: datetime | None
    fetched: float | None = Field(description="Seconds until the data were on the host")
    seconds: float | None = Field(description="Seconds from its start until it was well")
    words: str
    said: str = Field(description="What the check said, or its last lines")
    operation: int | None


class BackupOut(Schema):
    id: int
    name: str
    instance: int
    host: str | None
    store: str
    state: str
    why: str = Field(description="hand, schedule")
    pinned: bool
    manifest: dict[str, Any]
    size: int | None = Field(description="Bytes in the store")
    who: str
    reason: str
    created: datetime
    taken: datetime | None = Field(description="The moment that the data is of")
    words: str
    operation: int | None
    drills: list[DrillOut]


class BackupIn(Schema):
    model_config = {"extra": "forbid"}
    store: str
    instances: list[int] | None = Field(None, description="Their numbers; null: all")
    reason: str = ""


class BackupRestoreIn(Schema):
    model_config = {"extra": "forbid"}
    name: str = Field(description="The instance's, because what was written since is lost to it")
    reason: str = ""


class DrillIn(Schema):
    model_config = {"extra": "forbid"}
    host: str = Field("", description="Its name; empty: another one than the data's own, with the most room")


class BackupRulesIn(Schema):
    """`every`: hours, 0: none by themselves; `at`: a time of day (UTC) that they are counted from."""

    model_config = {"extra": "forbid"}
    store: str = Field("", description="Empty: no backups by themselves")
    every: int = 24
    at: str = "02:00"
    instances: list[int] = Field([], description="Their numbers; empty: all")
    keep_last: int = 3
    keep_daily: int = 7
    keep_weekly: int = 4
    drill_days: int = Field(7, description="Days between two drills; 0: none by themselves")
    drill_seconds: int = 120
    check: str = Field("", description="Run by a shell inside a drill that got well; it must end with 0")


class StoreOut(Schema):
    name: str
    kind: str
    endpoint: str
    region: str
    bucket: str
    key_prefix: str
    access_key: str
    recipient: str = Field(description="The public half of its key (age)")
    others: str = Field(description="Public keys that open its backups, too")
    checked: datetime | None
    problem: str


class StoreChangeIn(Schema):
    model_config = {"extra": "forbid"}
    endpoint: str = ""
    region: str = ""
    bucket: str = ""
    key_prefix: str = ""
    access_key: str = ""
    secret_key: str = Field("", description="Empty: as it is")
    ca: str = ""
    others: str = Field("", description="Public keys of age, one a line, whose owners open the backups, too")


class StoreIn(StoreChangeIn):
    name: str
    kind: str = Field(description="s3, folder")


def drill_out(row: Drill) -> dict[str, Any]:
    named = ("ip", "created", "ended", "fetched", "seconds", "said")
    return {
        "id": row.pk,
        "state": str(row.state),
        "host": row.host.name if row.host else None,
        "words": row.told,
        "operation": row.operation_id,
    } | {name: getattr(row, name) for name in named}


def out(row: Backup) -> dict[str, Any]:
    words = row.words or (row.operation.words if row.operation and row.state == Backup.State.FAILED else "")
    named = ("pinned", "size", "who", "reason", "created", "taken")
    return {
        "id": row.pk,
        "name": row.label,
        "instance": row.instance.number,
        "host": row.host.name if row.host else None,
        "store": row.target.name,
        "state": str(row.state),
        "why": str(row.why),
        "manifest": {key: value for key, value in row.manifest.items() if key != "image_row"},
        "words": words,
        "operation": row.operation_id,
        "drills": [drill_out(one) for one in row.drills.all()],
    } | {name: getattr(row, name) for name in named}


@router.get(HERE, response=list[BackupOut], summary="Backups with their drills, newest first")
def list_backups(request: HttpRequest, slug: str, environment: str, paged: Query[Paged]) -> list[dict[str, Any]]:
    place = get_place(actor_of(request), slug, environment)
    rows = reading_backups.backups_of(actor_of(request), place)
    return [out(row) for row in rows[paged.offset : paged.offset + paged.limit]]


@router.post(HERE, response={202: list[BackupOut]}, summary="Back up instances")
def take_backups(request: HttpRequest, slug: str, environment: str, data: BackupIn) -> Any:
    """They are being taken: look at their states, or their operations on the hosts."""
    place = get_place(actor_of(request), slug, environment)
    found = backups.take(actor_of(request), place, data.store, data.instances, data.reason)
    return Status(202, [out(row) for row in found])


@router.get(f"{HERE}/policy", response=BackupRulesIn, summary="When they are taken, where to, and how long kept")
def show_backup_policy(request: HttpRequest, slug: str, environment: str) -> dict[str, Any]:
    rules, target = backup_policies.rules_of(get_place(actor_of(request), slug, environment))
    return rules.to_json() | {"store": target.name if target else ""}


@router.put(f"{HERE}/policy", response=BackupRulesIn, summary="Say when, where to, and how long")
def save_backup_policy(request: HttpRequest, slug: str, environment: str, data: BackupRulesIn) -> dict[str, Any]:
    place, values = get_place(actor_of(request), slug, environment), data.dict()
    store = values.pop("store")
    return backup_policies.save_rules(actor_of(request), place, store, values).to_json() | {"store": store}


@router.get("/backups/{number}", response=BackupOut, summary="A backup")
def show_backup(request: HttpRequest, number: int) -> dict[str, Any]:
    return out(get_backup(request, number))


@router.patch("/backups/{number}", response=BackupOut, summary="Keep it whatever the rules of retention say, or not")
def pin_backup(request: HttpRequest, number: int, data: PinIn) -> dict[str, Any]:
    return out(backups.pin(actor_of(request), get_backup(request, number), data.pinned))


@router.delete("/backups/{number}", response={202: BackupOut}, summary="Remove a backup")
def remove_backup(request: HttpRequest, number: int, name: str = "", reason: str = "") -> Any:
    """`name`: its own (`backup-7`), because nobody can bring it back."""
    return Status(202, out(backups.remove(actor_of(request), get_backup(request, number), name, reason)))


@router.post("/backups/{number}/restore", response={202: RestoreOut}, summary="Put the data back as it is in a backup")
def restore_backup(request: HttpRequest, number: int, data: BackupRestoreIn) -> Any:
    """In place, wherever the instance stands now; what is there now is kept as a snapshot first."""
    return Status(
        202, restore_out(recoveries.recover(actor_of(request), get_backup(request, number), data.name, data.reason))
    )


@router.post("/backups/{number}/drills", response={202: DrillOut}, summary="Try whether it starts")
def begin_drill(request: HttpRequest, number: int, data: DrillIn) -> Any:
    """Under another name and address; nothing of it stays."""
    return Status(202, drill_out(drills.drill(actor_of(request), get_backup(request, number), data.host)))


@router.get(STORES, response=list[StoreOut], summary="Stores of backups")
def list_stores(request: HttpRequest) -> Any:
    return BackupTarget.objects.all()


@router.post(STORES, response={201: StoreOut}, summary="Set up a store")
def create_store(request: HttpRequest, data: StoreIn) -> Any:
    """It is tried out first: an object is written, read and removed. Its key is made by the platform."""
    return Status(201, targets.create(actor_of(request), data.dict()))


@router.put(f"{STORES}/{{name}}", response=StoreOut, summary="Change a store")
def change_store(request: HttpRequest, name: str, data: StoreChangeIn) -> Any:
    return targets.change(actor_of(request), get_object_or_404(BackupTarget, name=name), data.dict())


@router.post(f"{STORES}/{{name}}/check", response=StoreOut, summary="Try a store out")
def check_store(request: HttpRequest, name: str) -> Any:
    return targets.check(actor_of(request), get_object_or_404(BackupTarget, name=name))


@router.delete(f"{STORES}/{{name}}", response={204: None}, summary="Forget a store in which nothing lies")
def remove_store(request: HttpRequest, name: str) -> Any:
    targets.remove(actor_of(request), get_object_or_404(BackupTarget, name=name))
    return Status(204, None)
