"""Versions and images over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from builds import versions as version_list
from builds.api import Key
from builds.git import GitError
from builds.models import Image, Project
from builds.services import images
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused

router = Router()


class ImageOut(Schema):
    id: int
    project: str | None
    repository: str
    tag: str
    digest: str
    image_id: str
    reference: str
    registry: str | None
    only_on: str | None
    size: int
    layers: list[dict[str, Any]]
    base: str
    branch: str
    revision: str
    state: str
    created: datetime
    discarded: datetime | None

    @staticmethod
    def resolve_project(row: Image) -> str | None:
        return row.project.name if row.project else None

    @staticmethod
    def resolve_registry(row: Image) -> str | None:
        return row.registry.name if row.registry else None

    @staticmethod
    def resolve_only_on(row: Image) -> str | None:
        return row.only_on.name if row.only_on else None


class BuiltVersionOut(Schema):
    revision: str
    branch: str
    status: str = Field(description="deployable, discarded, not built, or the state of the build")
    time: datetime | None = Field(description="Of the commit.")
    author: str
    message: str
    base: str
    image: int | None
    build: int | None
    running: list[str]

    @staticmethod
    def resolve_image(row: version_list.Version) -> int | None:
        return row.image.pk if row.image else None

    @staticmethod
    def resolve_build(row: version_list.Version) -> int | None:
        return row.build.pk if row.build else None


class VersionQuery(Schema):
    branch: str = Field("", max_length=120, description="A pattern such as release*; empty: all branches.")
    refresh: bool = Field(False, description="Look at the repository first.")
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class DiscardIn(Schema):
    reason: str = Field("", max_length=1000)


@router.get("/projects/{name}/versions", response=list[BuiltVersionOut], tags=["builds"], summary="The version list")
def list_versions(request: HttpRequest, name: str, query: Query[VersionQuery]) -> list[version_list.Version]:
    project = get_visible(actor_of(request), Project, name=name)
    if query.refresh:
        try:
            version_list.refresh(project)
        except GitError as error:
            raise Refused(error.message, code=409) from error
    return version_list.versions(project, query.branch, limit=query.limit)


@router.get("/images/{pk}", response=ImageOut, tags=["builds"], summary="One image")
def show_image(request: HttpRequest, pk: Key) -> Image:
    return get_visible(actor_of(request), Image.objects.select_related("project", "registry", "only_on"), pk=pk)


@router.post("/images/{pk}/discard", response=ImageOut, tags=["builds"], summary="Discard an image")
def discard_image(request: HttpRequest, pk: Key, data: DiscardIn | None = None) -> Image:
    """Deletes its manifest in the registry. Refused (409) while it runs or is what a rollback goes to."""
    return images.discard_image(
        actor_of(request), get_visible(actor_of(request), Image, pk=pk), data.reason if data else ""
    )
