"""REST API of services and environments as code."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema

from containers.ascode import applying, drift
from containers.ascode.drift import Drift
from containers.ascode.exporting import export
from containers.ascode.plans import Plan, warnings_of
from containers.models import AppliedFile, Environment
from containers.schemas import Paged
from containers.views.access import actor_of, get_service
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused

router = Router(tags=["as code"])
Kind = Literal["services", "environments"]
WORDS = {"services": "Service", "environments": "Environment"}


class FileChangeOut(Schema):
    kind: Literal["added", "changed", "removed"]
    path: str
    before: Any = None
    after: Any = None


class TargetOut(Schema):
    kind: str
    name: str
    new: bool
    changes: list[FileChangeOut]


class PlanIn(Schema):
    text: str = Field(description="YAML: one document or more.")
    prune: bool = Field(False, description="What the blocks of the file do not name is removed, or set to its default.")


class FilePlanOut(Schema):
    count: int = Field(description="How many changes; 0: the file says what is set.")
    targets: list[TargetOut]
    warnings: list[str] = Field(description="What begins at once when it is applied.")
    needs: list[str] = Field(description="Names of secrets whose values must be given when it is applied.")
    token: str = Field(description="The mark of this difference, for `apply`; holds for a day.")


class ApplyIn(PlanIn):
    token: str = Field(max_length=2_000_000, description="Of the plan that was looked at.")
    secrets: dict[str, str] = Field(default_factory=dict, description="Values by the names of the plan's `needs`.")
    reason: str = Field("", max_length=250)


class AppliedFileOut(Schema):
    id: int
    kind: str
    name: str
    by: str
    via: str
    reason: str
    prune: bool
    created: datetime
    changes: list[FileChangeOut]


class FileFull(AppliedFileOut):
    text: str


class DriftOut(Schema):
    kind: str
    name: str
    state: Literal["same", "drift", "unknown"]
    trouble: str
    file: int
    changes: list[FileChangeOut] = Field(description="What applying the file again would change.")


def _file(row: AppliedFile) -> dict[str, Any]:
    names = ("id", "kind", "name", "via", "reason", "prune", "created", "changes", "text")
    return {name: getattr(row, name) for name in names} | {"by": row.by_name}


def _drift(found: Drift) -> dict[str, Any]:
    return {
        "kind": found.file.kind,
        "name": found.file.name,
        "state": found.state,
        "trouble": found.trouble,
        "file": found.file.pk,
        "changes": [change.to_json() for change in found.changes],
    }


def plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "count": plan.count,
        "targets": [
            {
                "kind": target.given.kind,
                "name": target.given.name,
                "new": target.new,
                "changes": [change.to_json() for change in target.changes],
            }
            for target in plan.targets
        ],
        "warnings": warnings_of(plan),
        "needs": plan.needs,
        "token": plan.token,
    }


@router.post("/files/plan", response=FilePlanOut)
def plan_file(request: HttpRequest, body: PlanIn) -> Any:
    """What applying the text would change. Mistakes: 400, a line each in `error`. Needs the rights of those changes."""
    with applying.refusing():
        return plan_json(applying.preview(actor_of(request), body.text, prune=body.prune))


@router.post("/files/apply", response=list[AppliedFileOut])
def apply_file(request: HttpRequest, body: ApplyIn) -> Any:
    """Applies a text whose plan was looked at. 409 when something was changed since then, or a change is refused: then
    nothing was applied at all.
    """
    with applying.refusing():
        rows = applying.apply(
            actor_of(request), body.text, token=body.token, prune=body.prune, secrets=body.secrets, reason=body.reason
        )
    return [_file(row) for row in rows]


@router.get("/files/drift", response=list[DriftOut])
def list_drift(request: HttpRequest, paged: Query[Paged]) -> Any:
    """Whatever a file was applied to, against the newest one."""
    return [
        _drift(found)
        for found in drift.of_all(drift.newest(actor_of(request))[paged.offset : paged.offset + paged.limit])
    ]


@router.get("/files/applied", response=list[AppliedFileOut])
def list_files(request: HttpRequest, paged: Query[Paged], service: str = "", environment: str = "") -> Any:
    """Files that were applied, the newest first."""
    rows = visible(actor_of(request), AppliedFile).select_related("service", "environment")
    for field, slug in (("service__slug", service), ("environment__slug", environment)):
        if "\x00" in slug:
            raise Refused(_("NUL characters are not allowed."), None, 400)
        rows = rows.filter(**{field: slug}) if slug else rows
    return [_file(row) for row in rows[paged.offset : paged.offset + paged.limit]]


@router.get("/files/applied/{number}", response=FileFull)
def show_file(request: HttpRequest, number: int) -> Any:
    rows = AppliedFile.objects.select_related("service", "environment")
    return _file(get_visible(actor_of(request), rows, pk=min(max(0, number), 2**31)))


@router.get(
    "/files/{kind}/{slug}",
    response={200: str},
    openapi_extra={"responses": {"200": {"content": {"application/yaml": {}}}}},
)
def export_file(request: HttpRequest, kind: Kind, slug: str) -> Any:
    """The thing as a document, which changes nothing when it is applied."""
    actor, slug = actor_of(request), slug.replace("\x00", "")
    row = get_service(actor, slug) if WORDS[kind] == "Service" else Environment.objects.filter(slug=slug).first()
    text = export(actor, row) if row is not None else ""
    if not text:
        raise Refused(_("There is no such thing."), None, 404)
    return HttpResponse(text, content_type="application/yaml; charset=utf-8")
