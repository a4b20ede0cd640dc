"""Hosts over the API."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from hosts import unseen
from hosts.models import Host, SeenContainer
from hosts.runtimes import Runtime
from hosts.services import machines
from hosts.views.machines import counted, in_state
from xqplatform.accounts.http import actor_of

router = Router(tags=["hosts"])


class HostOut(Schema):
    """A host as last seen. Keys are never shown."""

    id: int
    name: str
    runtime: str
    connection: str
    address: str
    roles: list[str]
    group: str | None
    labels: dict[str, str]
    build_slots: int
    state: str
    state_since: datetime | None
    state_reason: str
    cordoned: bool
    cordon_reason: str
    seen: datetime | None
    engine_version: str
    api_version: str
    min_api_version: str
    os: str
    kernel: str
    architecture: str
    cpus: int
    memory: int
    data_root: str
    disk_total: int | None
    disk_free: int | None
    inodes_total: int | None
    inodes_free: int | None
    disk_note: str
    storage_driver: str
    live_restore: bool
    cgroup_version: str
    warnings: list[str]
    notes: list[str]
    containers_ours: int
    containers_foreign: int

    @staticmethod
    def resolve_roles(host: Host) -> list[str]:
        return [role for role in ("run", "build", "registry") if getattr(host, f"role_{role}")]

    @staticmethod
    def resolve_group(host: Host) -> str | None:
        return host.group.slug if host.group else None

    @staticmethod
    def resolve_state(host: Host) -> str:
        return host.shown_state

    @staticmethod
    def resolve_containers_ours(host: Any) -> int:
        return int(getattr(host, "ours", 0))

    @staticmethod
    def resolve_containers_foreign(host: Any) -> int:
        return int(getattr(host, "foreign", 0))


class HostChangeIn(Schema):
    """What is named is changed; an empty key keeps the stored one."""

    model_config = {"extra": "forbid"}
    name: str | None = None
    connection: Literal["local", "tcp", "ssh"] | None = None
    trust: str | None = None  # of an LXD server that shall take the platform in: a token, or its password
    fingerprint: str | None = None  # of that server's certificate, SHA-256, where a password is given
    address: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    ssh_key: str | None = None
    role_run: bool | None = None
    role_build: bool | None = None
    role_registry: bool | None = None
    group: str | None = None
    labels: dict[str, str] | None = None
    build_slots: int | None = None


class HostIn(HostChangeIn):
    name: str
    runtime: Runtime = "docker"
    connection: Literal["local", "tcp", "ssh"] = "tcp"


class HostReasonIn(Schema):
    model_config = {"extra": "forbid"}
    reason: str = ""


class DiagnosisOut(Schema):
    ok: bool
    kind: str
    sentence: str
    engine_version: str
    api_version: str


class ContainerOut(Schema):
    engine_id: str
    name: str
    image: str
    state: str
    status: str
    health: str
    ip: str
    mac: str
    ours: bool
    seen: datetime

    @staticmethod
    def _of(row: SeenContainer, context: Any) -> SeenContainer:
        return unseen.containers(actor_of(context["request"]), [row])[0]

    @staticmethod
    def resolve_name(row: SeenContainer, context: Any) -> str:
        return ContainerOut._of(row, context).name

    @staticmethod
    def resolve_image(row: SeenContainer, context: Any) -> str:
        return ContainerOut._of(row, context).image


class HostFilter(Schema):
    state: Literal["ready", "degraded", "unreachable", "cordoned", "draining", "new", "retired"] | None = None
    role: Literal["run", "build", "registry"] | None = None
    group: str | None = None


def _host(name: str) -> Host:
    return get_object_or_404(counted(), name=name)


def _given(data: Schema) -> dict[str, Any]:
    return data.dict(exclude_unset=True)


@router.get("/hosts", response=list[HostOut])
@paginate(LimitOffsetPagination)
def list_hosts(request: HttpRequest, f: Query[HostFilter]) -> Any:
    rows = counted().order_by("name")
    if f.state:
        rows = in_state(rows, f.state)
    if f.role:
        rows = rows.filter(**{f"role_{f.role}": True})
    return rows.filter(group__slug=f.group) if f.group else rows


@router.post("/hosts", response={201: HostOut})
def create_host(request: HttpRequest, data: HostIn) -> Any:
    """Connects a host; its inventory is read by a worker."""
    host = machines.create_host(actor_of(request), {"connection": "tcp", **_given(data)})
    return Status(201, _host(host.name))


@router.post("/hosts/test", response=DiagnosisOut)
def test_new(request: HttpRequest, data: HostChangeIn) -> Any:
    """Tries a connection that is not stored yet and says precisely what is wrong."""
    return machines.test_connection(actor_of(request), {"connection": "tcp", **_given(data)})


test_new.__test__ = False  # type: ignore[attr-defined]


@router.get("/hosts/{name}", response=HostOut)
def show_host(request: HttpRequest, name: str) -> Any:
    return _host(name)


@router.patch("/hosts/{name}", response=HostOut)
def change_host(request: HttpRequest, name: str, data: HostChangeIn) -> Any:
    changed = machines.change_host(actor_of(request), _host(name), _given(data))
    return _host(changed.name)


@router.delete("/hosts/{name}", response={204: None})
def remove_host(request: HttpRequest, name: str) -> Any:
    machines.remove_host(actor_of(request), _host(name))
    return Status(204, None)


@router.post("/hosts/{name}/test", response=DiagnosisOut)
def try_host(request: HttpRequest, name: str) -> Any:
    return machines.test_connection(actor_of(request), {}, _host(name))


@router.post("/hosts/{name}/cordon", response=HostOut)
def cordon(request: HttpRequest, name: str, data: HostReasonIn) -> Any:
    machines.cordon(actor_of(request), _host(name), data.reason)
    return _host(name)


@router.post("/hosts/{name}/uncordon", response=HostOut)
def uncordon(request: HttpRequest, name: str) -> Any:
    machines.uncordon(actor_of(request), _host(name))
    return _host(name)


@router.post("/hosts/{name}/retire", response=HostOut)
def retire(request: HttpRequest, name: str, data: HostReasonIn) -> Any:
    machines.retire(actor_of(request), _host(name), data.reason)
    return _host(name)


@router.post("/hosts/{name}/bring-back", response=HostOut)
def bring_back(request: HttpRequest, name: str) -> Any:
    machines.bring_back(actor_of(request), _host(name))
    return _host(name)


@router.post("/hosts/{name}/refresh", response={202: HostOut})
def refresh(request: HttpRequest, name: str) -> Any:
    """Has the inventory read now; look at `seen` of the host."""
    machines.ask_refresh(actor_of(request), _host(name))
    return Status(202, _host(name))


@router.get("/hosts/{name}/containers", response=list[ContainerOut])
@paginate(LimitOffsetPagination)
def list_containers(request: HttpRequest, name: str) -> Any:
    return SeenContainer.objects.filter(host=_host(name)).order_by("name", "pk")
