"""Registries, projects, blueprints and builds over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from builds.models import Blueprint, Build, Project, Registry
from builds.services import blueprints, builds, projects, registries
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.models import Team
from xqplatform.accounts.visibility import OWNED, get_visible, visible
from xqplatform.errors import Refused
from xqplatform.rest import AcceptedOut, accepted

router = Router()
Key = Annotated[int, Field(ge=1, lt=2**63)]


def _given(data: Schema) -> dict[str, Any]:
    """Only what the caller sent: the rest stays as it is."""
    return data.dict(exclude_unset=True)


def _named(actor: Actor, model: Any, value: Any, field: str, by: str = "name") -> Any:
    """A row by its name. Raises Refused (400)."""
    if value is None or value == "":
        return None
    rows = visible(actor, model) if model in OWNED else model.objects.all()
    row = rows.filter(**{by: value}).first()
    if row is None:
        raise Refused(f"There is no {field} «{str(value)[:60]}».", field, 400)
    return row


# registries


class RegistryIn(Schema):
    name: str | None = None
    address: str | None = Field(None, description="HOST[:PORT][/prefix]")
    username: str | None = None
    password: str | None = Field(None, description="Write-only. Left out or empty: stays as it is.")
    ca: str | None = Field(None, description="PEM, when a CA of your own signed its certificate.")
    insecure: bool | None = None
    default: bool | None = None


class RegistryOut(Schema):
    id: int
    name: str
    address: str
    username: str
    insecure: bool
    default: bool
    state: str
    state_reason: str
    state_since: datetime | None


@router.get("/registries", response=list[RegistryOut], tags=["registries"], summary="All registries")
def list_registries(request: HttpRequest) -> QuerySet[Registry]:
    return Registry.objects.all()


@router.post("/registries", response={201: RegistryOut}, tags=["registries"], summary="Connect a registry")
def create_registry(request: HttpRequest, data: RegistryIn) -> Any:
    row = registries.save_registry(actor_of(request), None, _not_null(data))
    registries.check_registry(row)
    return Status(201, row)


@router.get("/registries/{name}", response=RegistryOut, tags=["registries"], summary="One registry")
def show_registry(request: HttpRequest, name: str) -> Registry:
    return get_object_or_404(Registry, name=name)


@router.patch("/registries/{name}", response=RegistryOut, tags=["registries"], summary="Change a registry")
def change_registry(request: HttpRequest, name: str, data: RegistryIn) -> Registry:
    row = registries.save_registry(actor_of(request), get_object_or_404(Registry, name=name), _not_null(data))
    registries.check_registry(row)
    return row


@router.delete("/registries/{name}", response={204: None}, tags=["registries"], summary="Forget a registry")
def remove_registry(request: HttpRequest, name: str) -> Any:
    registries.remove_registry(actor_of(request), get_object_or_404(Registry, name=name))
    return Status(204, None)


@router.post("/registries/{name}/check", response=RegistryOut, tags=["registries"], summary="Ask it how it is")
def check_registry(request: HttpRequest, name: str) -> Registry:
    row = get_object_or_404(Registry, name=name)
    registries.check_now(actor_of(request), row)
    return row


def _not_null(data: Schema) -> dict[str, Any]:
    return {key: value for key, value in _given(data).items() if value is not None}


# projects


class ProjectIn(Schema):
    name: str | None = None
    team: str | None = None
    repository: str | None = Field(None, description="https://…, ssh://… or an absolute path on the platform's machine")
    repository_user: str | None = None
    repository_password: str | None = Field(None, description="Write-only: password, token, or a private SSH key.")
    subfolder: str | None = None
    dockerfile: str | None = None
    blueprint: str | None = Field(None, description="Its name, instead of a Dockerfile; null: none.")
    registry: str | None = Field(None, description="Its name; null: the default one.")
    build_arguments: dict[str, str] | None = None
    build_secrets: dict[str, str] | None = Field(
        None, description="Write-only: reaches the build as arguments, never its log or the image's history."
    )
    network: str | None = None
    default_branch: str | None = None


class ProjectOut(Schema):
    id: int
    name: str
    team: str | None
    repository: str
    repository_user: str
    subfolder: str
    dockerfile: str
    blueprint: str | None
    registry: str | None
    build_arguments: dict[str, str]
    build_secrets: list[str] = Field(description="The names only.")
    network: str
    default_branch: str

    @staticmethod
    def resolve_team(row: Project) -> str | None:
        return row.team.slug if row.team else None

    @staticmethod
    def resolve_blueprint(row: Project) -> str | None:
        return row.blueprint.name if row.blueprint else None

    @staticmethod
    def resolve_registry(row: Project) -> str | None:
        return row.registry.name if row.registry else None

    @staticmethod
    def resolve_build_secrets(row: Project) -> list[str]:
        return sorted(projects.secrets_of(row))


def _project_data(actor: Actor, data: ProjectIn) -> dict[str, Any]:
    given = _given(data)
    for key, model, by in (("team", Team, "slug"), ("blueprint", Blueprint, "name"), ("registry", Registry, "name")):
        if key in given:
            given[key] = _named(actor, model, given[key], key, by)
    return given


@router.get("/projects", response=list[ProjectOut], tags=["builds"], summary="All projects")
def list_projects(request: HttpRequest) -> QuerySet[Project]:
    return visible(actor_of(request), Project).select_related("team", "blueprint", "registry")


@router.post("/projects", response={201: ProjectOut}, tags=["builds"], summary="Make a project")
def create_project(request: HttpRequest, data: ProjectIn) -> Any:
    return Status(201, projects.save_project(actor_of(request), None, _project_data(actor_of(request), data)))


@router.get("/projects/{name}", response=ProjectOut, tags=["builds"], summary="One project")
def show_project(request: HttpRequest, name: str) -> Project:
    return get_visible(actor_of(request), Project, name=name)


@router.patch("/projects/{name}", response=ProjectOut, tags=["builds"], summary="Change a project")
def change_project(request: HttpRequest, name: str, data: ProjectIn) -> Project:
    return projects.save_project(
        actor_of(request), get_visible(actor_of(request), Project, name=name), _project_data(actor_of(request), data)
    )


# blueprints


class FileIn(Schema):
    path: str
    text: str = ""
    mode: str = "0644"


class BlueprintIn(Schema):
    name: str | None = None
    base: bool | None = Field(None, description="Makes a base image: a node of the tree.")
    team: str | None = None
    parent: str | None = Field(None, description="The name of a base blueprint.")
    parent_reference: str | None = Field(None, description="Or an image outside the tree: scratch, debian:12.")
    files: list[FileIn] | None = None
    static_script: str | None = None
    runtime_script: str | None = None


class BlueprintOut(Schema):
    name: str
    base: bool
    version: int
    parent: str | None
    parent_reference: str
    files: list[FileIn]
    static_script: str
    runtime_script: str
    dockerfile: str
    updated: datetime

    @staticmethod
    def resolve_parent(row: Blueprint) -> str | None:
        return row.parent.name if row.parent else None

    @staticmethod
    def resolve_dockerfile(row: Blueprint) -> str:
        return blueprints.rendered(row).dockerfile


def _blueprint_data(actor: Actor, data: BlueprintIn) -> dict[str, Any]:
    given = {key: value for key, value in _given(data).items() if value is not None or key in {"team", "parent"}}
    if "team" in given:
        given["team"] = _named(actor, Team, given["team"], "team", "slug")
    if "parent" in given:
        given["parent"] = _named(actor, Blueprint, given["parent"], "parent")
    return given


@router.get("/blueprints", response=list[BlueprintOut], tags=["builds"], summary="All blueprints")
def list_blueprints(request: HttpRequest) -> QuerySet[Blueprint]:
    return visible(actor_of(request), Blueprint).select_related("parent")


@router.post("/blueprints", response={201: BlueprintOut}, tags=["builds"], summary="Make a blueprint")
def create_blueprint(request: HttpRequest, data: BlueprintIn) -> Any:
    return Status(201, blueprints.save_blueprint(actor_of(request), None, _blueprint_data(actor_of(request), data)))


@router.get("/blueprints/{name}", response=BlueprintOut, tags=["builds"], summary="One blueprint")
def show_blueprint(request: HttpRequest, name: str) -> Blueprint:
    return get_visible(actor_of(request), Blueprint, name=name)


@router.patch("/blueprints/{name}", response=BlueprintOut, tags=["builds"], summary="Make its next version")
def change_blueprint(request: HttpRequest, name: str, data: BlueprintIn) -> Blueprint:
    row = get_visible(actor_of(request), Blueprint, name=name)
    return blueprints.save_blueprint(actor_of(request), row, _blueprint_data(actor_of(request), data))


@router.delete("/blueprints/{name}", response={204: None}, tags=["builds"], summary="Remove a blueprint")
def remove_blueprint(request: HttpRequest, name: str) -> Any:
    blueprints.remove_blueprint(actor_of(request), get_visible(actor_of(request), Blueprint, name=name))
    return Status(204, None)


# builds


class BuildIn(Schema):
    branch: str = Field("", description="Empty: the project's own.")
    revision: str = Field("", max_length=40, description="A commit; empty: the newest of the branch.")
    again: bool = Field(False, description="Also when this revision was built already.")


class BaseBuildIn(Schema):
    again: bool = False


class BuildOut(Schema):
    id: int
    project: str | None
    blueprint: str | None
    branch: str
    revision: str
    commit_author: str
    commit_message: str
    commit_time: datetime | None
    state: str
    reason: str
    failing_step: str
    host: str | None
    tag: str
    progress: dict[str, Any]
    attempts: int
    image: int | None
    created: datetime
    created_name: str
    started: datetime | None
    finished: datetime | None

    @staticmethod
    def resolve_project(row: Build) -> str | None:
        return row.project.name if row.project else None

    @staticmethod
    def resolve_blueprint(row: Build) -> str | None:
        return row.blueprint.name if row.blueprint else None

    @staticmethod
    def resolve_host(row: Build) -> str | None:
        return row.host.name if row.host else None

    @staticmethod
    def resolve_image(row: Build) -> int | None:
        image = getattr(row, "image", None)
        return image.pk if image else None


class BuildQuery(Schema):
    project: str = Field("", max_length=60)
    state: str = Field("", max_length=10)
    before: Key | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class BuildLineOut(Schema):
    number: int
    step: int
    text: str


class LogOut(Schema):
    lines: list[BuildLineOut]
    next_after: int = Field(description="Ask again with after=… for what follows.")
    active: bool = Field(description="Whether more lines may come.")


class CancelIn(Schema):
    reason: str = Field("", max_length=1000)


def _accepted(build: Build) -> Any:
    return accepted(build, f"/api/v1/builds/{build.pk}", f"/builds/{build.pk}/")


def _builds(request: HttpRequest) -> QuerySet[Build]:
    return visible(actor_of(request), Build).select_related("project", "blueprint", "host", "image")


def _build(request: HttpRequest, pk: int) -> Build:
    return get_visible(actor_of(request), Build.objects.select_related("project", "blueprint", "host", "image"), pk=pk)


@router.post("/projects/{name}/builds", response={202: AcceptedOut}, tags=["builds"], summary="Build a revision")
def start_build(request: HttpRequest, name: str, data: BuildIn | None = None) -> Any:
    """Two builds of one revision are one: the answer names the one that there is."""
    project, data = (
        get_visible(actor_of(request), Project, name=name),
        data or BuildIn(branch="", revision="", again=False),
    )
    return _accepted(builds.start_build(actor_of(request), project, data.branch, data.revision, again=data.again))


@router.post("/blueprints/{name}/builds", response={202: AcceptedOut}, tags=["builds"], summary="Build a base image")
def start_base_build(request: HttpRequest, name: str, data: BaseBuildIn | None = None) -> Any:
    blueprint = get_visible(actor_of(request), Blueprint, name=name)
    return _accepted(builds.start_base_build(actor_of(request), blueprint, again=bool(data and data.again)))


@router.get("/builds", response=list[BuildOut], tags=["builds"], summary="Builds, newest first")
def list_builds(request: HttpRequest, query: Query[BuildQuery]) -> QuerySet[Build]:
    rows = _builds(request)
    if query.project:
        rows = rows.filter(project__name=query.project)
    if query.state:
        rows = rows.filter(state=query.state)
    if query.before:
        rows = rows.filter(pk__lt=query.before)
    return rows[: query.limit]


@router.get("/builds/{pk}", response=BuildOut, tags=["builds"], summary="One build")
def show_build(request: HttpRequest, pk: Key) -> Build:
    return _build(request, pk)


@router.get("/builds/{pk}/log", response=LogOut, tags=["builds"], summary="A build's log")
def build_log(
    request: HttpRequest,
    pk: Key,
    after: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Field(ge=1, le=5000)] = 1000,
) -> dict[str, Any]:
    row = get_visible(actor_of(request), Build, pk=pk)
    lines = list(row.lines.filter(number__gt=after).order_by("number")[:limit])
    return {"lines": lines, "next_after": lines[-1].number if lines else after, "active": row.active}


@router.post("/builds/{pk}/cancel", response={202: AcceptedOut}, tags=["builds"], summary="Cancel a build")
def cancel_build(request: HttpRequest, pk: Key, data: CancelIn | None = None) -> Any:
    return _accepted(builds.cancel_build(actor_of(request), _build(request, pk), data.reason if data else ""))
