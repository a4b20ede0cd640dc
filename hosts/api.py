"""Hosts, groups, segments and addresses over the API."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from hosts import unseen
from hosts.models import Address, Host, HostGroup, SeenContainer, Segment, SegmentNetwork
from hosts.services import addresses, machines, networks, segments
from hosts.views.machines import counted, in_state
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import hidden_names

router = Router(tags=["hosts"])


class HostOut(Schema):
    """A host as last seen. Keys are never shown."""

    id: int
    name: str
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


class GroupOut(Schema):
    """Of each host: `reserve_*` stays for itself (cores, bytes), the rest is promised `overcommit_*` times at most."""

    slug: str
    title: str
    kind: str
    reserve_cpus: float
    reserve_memory: int
    overcommit_cpus: float
    overcommit_memory: float


class GroupChangeIn(Schema):
    model_config = {"extra": "forbid"}
    slug: str | None = None
    title: str | None = None
    kind: Literal["room", "cloud"] | None = None
    reserve_cpus: float | None = None
    reserve_memory: int | None = None
    overcommit_cpus: float | None = None
    overcommit_memory: float | None = None


class GroupIn(GroupChangeIn):
    slug: str


@router.get("/host-groups", response=list[GroupOut])
@paginate(LimitOffsetPagination)
def list_groups(request: HttpRequest) -> Any:
    return HostGroup.objects.all()


@router.post("/host-groups", response={201: GroupOut})
def create_group(request: HttpRequest, data: GroupIn) -> Any:
    return Status(201, machines.save_group(actor_of(request), _given(data)))


@router.patch("/host-groups/{slug}", response=GroupOut)
def change_group(request: HttpRequest, slug: str, data: GroupChangeIn) -> Any:
    return machines.save_group(actor_of(request), _given(data), get_object_or_404(HostGroup, slug=slug))


@router.delete("/host-groups/{slug}", response={204: None})
def remove_group(request: HttpRequest, slug: str) -> Any:
    machines.remove_group(actor_of(request), get_object_or_404(HostGroup, slug=slug))
    return Status(204, None)


class SegmentOut(Schema):
    slug: str
    title: str
    cidr: str
    gateway: str | None
    pool: str
    reserved: str
    vlan: int | None
    driver: str
    bridge: str
    dns: list[str]
    search: list[str]
    mtu: int | None
    probe: bool
    hosts: list[str]

    @staticmethod
    def resolve_hosts(segment: Segment) -> list[str]:
        return [host.name for host in segment.hosts.all()]


class SegmentChangeIn(Schema):
    model_config = {"extra": "forbid"}
    slug: str | None = None
    title: str | None = None
    cidr: str | None = None
    gateway: str | None = None
    pool: str | None = None
    reserved: str | None = None
    vlan: int | None = None
    driver: Literal["bridge", "macvlan"] | None = None
    bridge: str | None = None
    dns: list[str] | None = None
    search: list[str] | None = None
    mtu: int | None = None
    probe: bool | None = None
    hosts: list[str] | None = None


class SegmentIn(SegmentChangeIn):
    slug: str
    cidr: str


class AddressOut(Schema):
    id: int
    segment: str
    ip: str
    mac: str
    state: str
    holder: str
    note: str
    since: datetime
    until: datetime | None
    conflict: str
    conflict_since: datetime | None

    @staticmethod
    def resolve_segment(address: Address) -> str:
        return address.segment.slug

    @staticmethod
    def resolve_holder(address: Address, context: Any) -> str:
        return unseen.address(actor_of(context["request"]), address).holder

    @staticmethod
    def resolve_note(address: Address, context: Any) -> str:
        return unseen.address(actor_of(context["request"]), address).note

    @staticmethod
    def resolve_conflict(address: Address, context: Any) -> str:
        return unseen.address(actor_of(context["request"]), address).conflict


class AddressFilter(Schema):
    state: Literal["held", "reserved", "quarantine"] | None = None
    holder: str | None = None
    ip: str | None = None
    mac: str | None = None


class ReserveIn(Schema):
    model_config = {"extra": "forbid"}
    ip: str
    note: str = ""
    mac: str = ""
    holder: str = ""


class NetworkOut(Schema):
    """A segment's network on one host, as last verified. `asked`: what a worker still has to do."""

    host: str
    state: str
    differences: list[dict[str, Any]]
    note: str
    verified: datetime | None
    since: datetime | None
    interface: bool | None
    asked: str

    @staticmethod
    def resolve_host(row: SegmentNetwork) -> str:
        return row.host.name


class NetworkIn(Schema):
    model_config = {"extra": "forbid"}
    host: str
    do: Literal["verify", "remake"] = "verify"


class FiguresOut(Schema):
    free: int
    held: int
    quarantine: int
    reserved: int
    pool: int


def _segment(slug: str) -> Segment:
    return get_object_or_404(Segment.objects.prefetch_related("hosts"), slug=slug)


def _wanted(data: SegmentChangeIn) -> dict[str, Any]:
    given = _given(data)
    if "hosts" in given and given["hosts"] is None:
        given["hosts"] = []
    return given


@router.get("/segments", response=list[SegmentOut])
@paginate(LimitOffsetPagination)
def list_segments(request: HttpRequest) -> Any:
    return Segment.objects.prefetch_related("hosts")


@router.post("/segments", response={201: SegmentOut})
def create_segment(request: HttpRequest, data: SegmentIn) -> Any:
    return Status(201, segments.create_segment(actor_of(request), _wanted(data)))


@router.get("/segments/{slug}", response=SegmentOut)
def show_segment(request: HttpRequest, slug: str) -> Any:
    return _segment(slug)


@router.patch("/segments/{slug}", response=SegmentOut)
def change_segment(request: HttpRequest, slug: str, data: SegmentChangeIn) -> Any:
    return segments.change_segment(actor_of(request), _segment(slug), _wanted(data))


@router.delete("/segments/{slug}", response={204: None})
def remove_segment(request: HttpRequest, slug: str) -> Any:
    segments.remove_segment(actor_of(request), _segment(slug))
    return Status(204, None)


@router.get("/segments/{slug}/figures", response=FiguresOut)
def show_figures(request: HttpRequest, slug: str) -> Any:
    """How its addresses divide; reserved ranges count as reserved."""
    return asdict(addresses.figures(_segment(slug)))


@router.get("/segments/{slug}/networks", response=list[NetworkOut])
def list_networks(request: HttpRequest, slug: str) -> Any:
    """The network on each of its hosts, as last verified."""
    return networks.rows_of(_segment(slug))


@router.post("/segments/{slug}/networks", response={202: NetworkOut})
def ask_network(request: HttpRequest, slug: str, data: NetworkIn) -> Any:
    """Has it made where it lacks and verified, or (`remake`) made anew if no container is on it; look at `asked`."""
    segment = _segment(slug)
    actor = actor_of(request)
    return Status(202, networks.ask(actor, segment, get_object_or_404(Host, name=data.host), data.do))


@router.get("/segments/{slug}/addresses", response=list[AddressOut])
@paginate(LimitOffsetPagination)
def list_addresses(request: HttpRequest, slug: str, f: Query[AddressFilter]) -> Any:
    """The addresses that are not free."""
    wanted = {k: v for k, v in f.dict().items() if v}
    rows = Address.objects.filter(segment=_segment(slug), **wanted).select_related("segment").order_by("pk")
    hidden = f.holder and f.holder.partition("/")[0] in hidden_names(actor_of(request))
    return rows.none() if hidden else rows


@router.post("/segments/{slug}/addresses", response={201: AddressOut})
def reserve_address(request: HttpRequest, slug: str, data: ReserveIn) -> Any:
    """Keeps an address out of the pool."""
    return Status(201, addresses.reserve(actor_of(request), _segment(slug), **data.dict()))


@router.delete("/segments/{slug}/addresses/{ip}", response={204: None})
def unreserve_address(request: HttpRequest, slug: str, ip: str) -> Any:
    row = get_object_or_404(Address.objects.select_related("segment"), segment=_segment(slug), ip=ip)
    addresses.unreserve(actor_of(request), row)
    return Status(204, None)
