"""Host groups (rooms and clouds) over the API."""

from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from hosts.models import HostGroup
from hosts.services import machines
from xqplatform.accounts.http import actor_of

router = Router(tags=["hosts"])


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
    return Status(201, machines.save_group(actor_of(request), data.dict(exclude_unset=True)))


@router.patch("/host-groups/{slug}", response=GroupOut)
def change_group(request: HttpRequest, slug: str, data: GroupChangeIn) -> Any:
    return machines.save_group(
        actor_of(request), data.dict(exclude_unset=True), get_object_or_404(HostGroup, slug=slug)
    )


@router.delete("/host-groups/{slug}", response={204: None})
def remove_group(request: HttpRequest, slug: str) -> Any:
    machines.remove_group(actor_of(request), get_object_or_404(HostGroup, slug=slug))
    return Status(204, None)
