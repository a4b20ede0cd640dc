"""REST API of data that was left behind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from containers.keeping.models import LeftData
from containers.keeping.services import left
from containers.keeping.views.left import get_left, rows_of
from xqplatform.accounts.http import actor_of
from xqplatform.rest import AcceptedOut, accepted

router = Router(tags=["data"])


class LeftOut(Schema):
    id: int
    service: str
    environment: str
    host: str
    state: str
    instances: list[int]
    volumes: list[dict[str, Any]]
    size: int | None = Field(description="Bytes; null where not all are counted")
    left: datetime
    until: datetime = Field(description="Removed for good by the platform afterwards")
    words: str

    @staticmethod
    def resolve_service(row: LeftData) -> str:
        return row.place.service.slug

    @staticmethod
    def resolve_environment(row: LeftData) -> str:
        return row.place.environment.slug

    @staticmethod
    def resolve_host(row: LeftData) -> str:
        return row.host.name

    @staticmethod
    def resolve_instances(row: LeftData) -> list[int]:
        return list(row.numbers)


class BackIn(Schema):
    reason: str = ""


class LeftRemoveIn(Schema):
    name: str = Field(description="Of the service")
    reason: str = ""


@router.get("/left-data", response=list[LeftOut], summary="Data that removed instances left behind, newest first")
def list_left(request: HttpRequest) -> Any:
    return rows_of(actor_of(request))[:200]


@router.post("/left-data/{number}/bring-back", response={202: AcceptedOut}, summary="Have instances above it again")
def bring_back(request: HttpRequest, number: int, body: BackIn) -> Any:
    """On the hosts where it lies, with the image and settings of last; a service that was removed is there again."""
    row = left.bring_back(actor_of(request), get_left(request, number), body.reason)
    return accepted(row, f"/api/v1/deployments/{row.pk}", f"/releases/{row.pk}/")


@router.post("/left-data/{number}/remove", response=LeftOut, summary="Remove it before its time")
def remove(request: HttpRequest, number: int, body: LeftRemoveIn) -> LeftData:
    return left.remove(actor_of(request), get_left(request, number), body.name, body.reason)
