"""A machine's upkeep over the API: set up, daemon.json, engine and certificates. Each answers with the operation it started."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status

from hosts.models import Host, HostOperation
from hosts.services import upkeep
from hosts.views.upkeep import preview
from xqplatform.accounts.http import actor_of

router = Router(tags=["upkeep"])


class StartedOut(Schema):
    """The operation that was started; its progress is under the host's operations."""

    id: int
    host: str
    kind: str
    state: str
    params: dict[str, Any]
    created: datetime

    @staticmethod
    def resolve_host(row: HostOperation) -> str:
        return row.host.name


class SetupIn(Schema):
    model_config = {"extra": "forbid"}
    name: str
    address: str
    key: str
    user: str = "root"
    port: int = 22
    sudo: bool = False
    bridge: str = ""
    role_run: bool = True
    role_build: bool = False
    role_registry: bool = False
    group: str | None = None
    segments: list[str] = []
    labels: dict[str, str] = {}
    confirm: bool = False
    reason: str = ""


class UpkeepIn(Schema):
    """What matters for the kind counts. `base`: of the preview, so that only what was seen is applied."""

    model_config = {"extra": "forbid"}
    base: str = ""
    version: str = ""
    drain: bool = False
    only_ours: bool = False
    confirm: bool = False
    reason: str = ""


class DaemonOut(Schema):
    """daemon.json as it was read last (null: not yet), and what the profile would change."""

    seen: datetime | None
    profile: str
    diff: str
    keys: list[str]
    restart: bool
    mistakes: list[str]
    problem: str
    base: str


@router.post("/hosts/setup", response={202: StartedOut})
def set_up(request: HttpRequest, data: SetupIn) -> Any:
    """Makes a host of a machine that has only SSH."""
    values = data.dict(exclude={"confirm", "reason"})
    return Status(202, upkeep.set_up(actor_of(request), values, reason=data.reason, confirm=data.confirm))


@router.post("/hosts/{name}/setup", response={202: StartedOut})
def set_up_again(request: HttpRequest, name: str) -> Any:
    """Goes on with a machine whose setting up failed."""
    return Status(202, upkeep.set_up_again(actor_of(request), get_object_or_404(Host, name=name)))


@router.get("/hosts/{name}/daemon", response=DaemonOut)
def show_daemon(request: HttpRequest, name: str) -> Any:
    found = preview(get_object_or_404(Host.objects.select_related("group"), name=name))
    row = found["file"]
    return {
        "seen": row.seen if row else None,
        "profile": found["profile"].name,
        "diff": found["diff"],
        "keys": found.get("keys", []),
        "restart": found.get("restart", False),
        "mistakes": found.get("mistakes", []),
        "problem": found.get("problem", ""),
        "base": found.get("base", ""),
    }


Kind = Literal["daemon.read", "daemon.apply", "tls.rotate", "tls.issue", "engine.restart", "engine.upgrade"]


@router.post("/hosts/{name}/upkeep/{kind}", response={202: StartedOut})
def start(request: HttpRequest, name: str, kind: Kind, data: UpkeepIn) -> Any:
    """Starts an operation of upkeep. Refused while another one changes the host."""
    host = get_object_or_404(Host, name=name)
    return Status(202, upkeep.start(actor_of(request), host, kind, data.dict(exclude={"reason"}), data.reason))
