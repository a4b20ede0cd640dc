"""A project's forge and what it told of, over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from builds.forges import services, views
from builds.models import Forge, ForgeDelivery, Project
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible, visible

router = Router(tags=["builds"])


class ForgeIn(Schema):
    kind: str | None = Field(None, description="github, gitlab or gitea")
    enabled: bool | None = None
    branches: str | None = Field(None, description="Patterns of branches that are built, one a space: main release/*")
    tags: str | None = Field(None, description="Patterns of tags that are built: v*")
    report: bool | None = Field(None, description="Send commit statuses back.")
    api: str | None = Field(None, description="https://git.example.com/api/v4")
    repository: str | None = Field(None, description="Its name there: team/service")
    token: str | None = Field(None, description="Write-only.")


class ForgeOut(Schema):
    kind: str
    enabled: bool
    branches: str
    tags: str
    author: str = Field(description="Whose right stands behind the builds that pushes begin.")
    address: str = Field(description="Where the forge has to call.")
    secret_made: datetime
    report: bool
    api: str
    repository: str


class SecretOut(ForgeOut):
    secret: str = Field(description="Only when it was just made: it is not told again.")


class ForgeDeliveryOut(Schema):
    id: int
    event: str
    kind: str
    name: str
    revision: str
    sender: str
    commits: int
    received: datetime
    times: int
    last: datetime
    state: str
    words: str
    began: list[dict[str, str]]
    build: int | None = Field(alias="build_id")


def _out(request: HttpRequest, row: Forge, secret: str = "") -> dict[str, Any]:
    more = {"address": views.address_of(request, row), "secret_made": row.secret_made, "secret": secret}
    return services.shown(row) | more


def _project(request: HttpRequest, name: str) -> Project:
    return get_visible(actor_of(request), Project.objects.select_related("team"), name=name)


@router.get("/projects/{name}/forge", response=ForgeOut, summary="A project's forge")
def show_forge(request: HttpRequest, name: str) -> dict[str, Any]:
    return _out(request, get_visible(actor_of(request), Forge.objects.select_related("project"), project__name=name))


@router.put("/projects/{name}/forge", response=SecretOut, summary="Set up a project's forge")
def save_forge(request: HttpRequest, name: str, data: ForgeIn) -> dict[str, Any]:
    """Pushes are built with your right from then on. The secret is told once, when the forge is new."""
    given = {key: value for key, value in data.dict(exclude_unset=True).items() if value is not None}
    row, secret = services.save(actor_of(request), _project(request, name), given)
    return _out(request, row, secret)


@router.post("/projects/{name}/forge/secret", response=SecretOut, summary="Make another webhook secret")
def renew_secret(request: HttpRequest, name: str) -> dict[str, Any]:
    """The old one is worth nothing from then on."""
    project = _project(request, name)
    secret = services.renew(actor_of(request), project)
    return _out(request, visible(actor_of(request), Forge).select_related("project").get(project=project), secret)


@router.delete("/projects/{name}/forge", response={204: None}, summary="Take no pushes any more")
def remove_forge(request: HttpRequest, name: str) -> Any:
    services.remove(actor_of(request), _project(request, name))
    return Status(204, None)


@router.get(
    "/projects/{name}/forge/deliveries", response=list[ForgeDeliveryOut], summary="What the forge told, newest first"
)
def list_deliveries(
    request: HttpRequest, name: str, limit: Annotated[int, Field(ge=1, le=500)] = 50
) -> QuerySet[ForgeDelivery]:
    return visible(actor_of(request), ForgeDelivery).filter(forge__project=_project(request, name))[:limit]
