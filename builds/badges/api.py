"""A project's badges over the API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from builds.badges import services
from builds.models import Badge, Project
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible

router = Router(tags=["builds"])


class BadgesIn(Schema):
    public: bool = False
    renew: bool = False


class BadgesOut(Schema):
    public: bool
    paths: dict[str, str]


def _out(row: Badge) -> dict[str, Any]:
    return {"public": row.public, "paths": dict(services.paths(row))}


@router.get("/projects/{name}/badges", response=BadgesOut, summary="Where a project's badges are")
def show_badges(request: HttpRequest, name: str) -> dict[str, Any]:
    return _out(get_visible(actor_of(request), Badge.objects.select_related("project"), project__name=name))


@router.put("/projects/{name}/badges", response=BadgesOut, summary="Make badges, for all or by a secret address")
def save_badges(request: HttpRequest, name: str, data: BadgesIn) -> dict[str, Any]:
    project = get_visible(actor_of(request), Project, name=name)
    return _out(services.save(actor_of(request), project, public=data.public, renew=data.renew))


@router.delete("/projects/{name}/badges", response={204: None}, summary="Show no badges any more")
def remove_badges(request: HttpRequest, name: str) -> Any:
    services.remove(actor_of(request), get_visible(actor_of(request), Project, name=name))
    return Status(204, None)
