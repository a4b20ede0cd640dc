"""Segments, their networks and their addresses over the API."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from hosts import unseen
from hosts.models import Address, Host, Segment, SegmentNetwork
from hosts.services import addresses, networks, segments
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import hidden_names

router = Router(tags=["hosts"])


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
    given = data.dict(exclude_unset=True)
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
