"""REST API of placement: the rules of a service in an environment. Those of an environment are a part of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from containers.models import ServiceEnvironment
from containers.placement import stored
from containers.services import catalog
from containers.views.access import get_place
from xqplatform.accounts.http import actor_of

router = Router(tags=["placement"])


class PlacementOut(Schema):
    """`own`: what is set here; `effective`: with what the environment says."""

    own: dict[str, Any]
    effective: dict[str, Any]


class PlacementIn(Schema):
    """What is left out is as the environment says. Labels are «key» or «key=value»; 0: any number."""

    model_config = {"extra": "forbid"}
    pack: bool | None = None
    rooms: bool | None = None
    per_host: int | None = None
    per_room: int | None = None
    avoid: list[str] | None = None
    labels: list[str] | None = None
    unlabels: list[str] | None = None


def _json(place: ServiceEnvironment) -> dict[str, Any]:
    return {"own": place.placement, "effective": stored.effective(place.environment.placement, place.placement)}


@router.get("/services/{slug}/{environment}/placement", response=PlacementOut)
def show(request: HttpRequest, slug: str, environment: str) -> Any:
    return _json(get_place(actor_of(request), slug.replace("\x00", ""), environment.replace("\x00", "")))


@router.put("/services/{slug}/{environment}/placement", response=PlacementOut)
def change(request: HttpRequest, slug: str, environment: str, body: PlacementIn) -> Any:
    """Sets all rules: `pack` the fullest host or spread, over `rooms` first, how many on a host or in a room at most, services to
    `avoid` on one host, labels that hosts have or do not have.
    """
    actor = actor_of(request)
    place = get_place(actor, slug.replace("\x00", ""), environment.replace("\x00", ""))
    return _json(catalog.change_place(actor, place, {"placement": body.dict()}))
