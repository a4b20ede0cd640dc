"""Images that were not built, over the API: an upload is announced, its pieces are sent, and the work goes on by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from builds.api import Key
from builds.imports import place
from builds.models import Blueprint, ImageImport, Project
from builds.services import imports
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused
from xqplatform.rest import BIGGEST

router = Router()


class ImportOut(Schema):
    id: int
    project: str | None
    base_image: str | None
    kind: str
    name: str
    size: int = Field(description="Bytes, as announced.")
    received: int = Field(description="Bytes that are there: where the next piece begins.")
    state: str
    step: str
    done: int
    total: int
    reason: str
    image: int | None
    author: str
    created: datetime
    finished: datetime | None

    @staticmethod
    def resolve_project(row: ImageImport) -> str | None:
        return row.project.name if row.project else None

    @staticmethod
    def resolve_base_image(row: ImageImport) -> str | None:
        return row.blueprint.name if row.blueprint else None

    @staticmethod
    def resolve_received(row: ImageImport) -> int:
        return place.received(row) if row.state == ImageImport.State.RECEIVING else row.size

    @staticmethod
    def resolve_image(row: ImageImport) -> int | None:
        return row.image_id

    @staticmethod
    def resolve_author(row: ImageImport) -> str:
        return row.created_name


class ImportIn(Schema):
    project: str | None = Field(None, description="Its name; or `base_image`.")
    base_image: str | None = Field(None, description="A blueprint that makes a base image.")
    name: str = Field(description="Of the file.")
    size: int = Field(description="Of the file, in bytes.")
    sha256: str = Field("", description="Of the file; empty: not compared.")
    note: str = ""


class PieceQuery(Schema):
    offset: Annotated[int, Field(ge=0, le=BIGGEST)] = 0


def _all() -> QuerySet[ImageImport]:
    return ImageImport.objects.select_related("project", "blueprint")  # visible: asked of what it gives


@router.get("/images/imports", response=list[ImportOut], tags=["builds"], summary="Imports of images, newest first")
def list_imports(request: HttpRequest) -> Any:
    return visible(actor_of(request), _all())[:200]


@router.post("/images/imports", response={201: ImportOut}, tags=["builds"], summary="Announce the upload of an image")
def create_import(request: HttpRequest, data: ImportIn) -> Any:
    """A tarball of a root file system, a unified LXD image, or what `docker save` wrote; packed with gzip, bzip2, xz, zstd or not."""
    actor = actor_of(request)
    target: Project | Blueprint | None = None
    if data.project and not data.base_image:
        target = visible(actor, Project).filter(name=data.project).first()
    elif data.base_image and not data.project:
        target = visible(actor, Blueprint).filter(name=data.base_image).first()
    if target is None:
        raise Refused("Name a project or a base image that there is.", "project", 400)
    return Status(201, imports.announce(actor, target, data.name, data.size, sha256=data.sha256, note=data.note))


@router.get("/images/imports/{number}", response=ImportOut, tags=["builds"], summary="One import")
def show_import(request: HttpRequest, number: Key) -> ImageImport:
    return get_visible(actor_of(request), _all(), pk=number)


@router.put("/images/imports/{number}/content", response=ImportOut, tags=["builds"], summary="Send a piece of the file")
def send_piece(request: HttpRequest, number: Key, query: Query[PieceQuery]) -> ImageImport:
    """The body is the piece itself, of 16 MiB at most. 409 says where the next one begins; the last one starts the work."""
    actor = actor_of(request)
    return imports.receive(actor, get_visible(actor, _all(), pk=number), query.offset, request.body)


@router.post("/images/imports/{number}/cancel", response=ImportOut, tags=["builds"], summary="Cancel an import")
def cancel_import(request: HttpRequest, number: Key) -> ImageImport:
    actor = actor_of(request)
    return imports.cancel_import(actor, get_visible(actor, _all(), pk=number))
