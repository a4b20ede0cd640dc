"""REST API of environments."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router, Status

from containers.api_shared import clean
from containers.as_json import environment_json
from containers.models import Environment
from containers.schemas import EnvironmentIn, EnvironmentNew, EnvironmentOut
from containers.services import catalog
from hosts.models import HostGroup, Segment
from xqplatform.accounts.http import actor_of
from xqplatform.errors import Refused

router = Router(tags=["environments"])


@router.get("/environments", response=list[EnvironmentOut])
def list_environments(request: HttpRequest) -> Any:
    rows = Environment.objects.select_related("segment").prefetch_related("groups")
    return [environment_json(row) for row in rows]


@router.get("/environments/{slug}", response=EnvironmentOut)
def show_environment(request: HttpRequest, slug: str) -> Any:
    return environment_json(get_object_or_404(Environment, slug=clean(slug)))


def _environment_data(body: EnvironmentIn) -> dict[str, Any]:
    data = {k: v for k, v in body.dict(exclude_unset=True).items() if v is not None or k == "segment"}
    if "groups" in data:
        found = list(HostGroup.objects.filter(slug__in=[clean(g) for g in data["groups"]]))
        if unknown := set(data["groups"]) - {g.slug for g in found}:
            raise Refused(_("There is no host group «%(group)s».") % {"group": min(unknown)}, "groups", 400)
        data["groups"] = found
    if "segment" in data:
        slug = clean(data["segment"] or "")
        data["segment"] = Segment.objects.filter(slug=slug).first() if slug else None
        if slug and data["segment"] is None:
            raise Refused(_("There is no segment «%(segment)s».") % {"segment": slug}, "segment", 400)
    for name in ("title", "title_zh", "branch", "colour"):
        clean(str(data.get(name) or ""))
    return data


@router.post("/environments", response={201: EnvironmentOut})
def create_environment(request: HttpRequest, body: EnvironmentNew) -> Any:
    return Status(201, environment_json(catalog.save_environment(actor_of(request), None, _environment_data(body))))


@router.patch("/environments/{slug}", response=EnvironmentOut)
def change_environment(request: HttpRequest, slug: str, body: EnvironmentIn) -> Any:
    row = get_object_or_404(Environment, slug=clean(slug))
    return environment_json(catalog.save_environment(actor_of(request), row, _environment_data(body)))


@router.delete("/environments/{slug}", response={204: None})
def remove_environment(request: HttpRequest, slug: str) -> Any:
    catalog.remove_environment(actor_of(request), get_object_or_404(Environment, slug=clean(slug)))
    return Status(204, None)
