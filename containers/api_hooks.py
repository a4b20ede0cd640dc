"""REST API of hooks, traffic and nginx fronts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from containers.models import Front, HookRun, ServiceEnvironment, Serving, Upstream
from containers.services import fronts, hooks
from containers.views.access import get_deployment, get_place
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused

router = Router(tags=["hooks"])
LIMIT = 2**31


class HookRunOut(Schema):
    number: int
    release: int | None
    instance: int | None = Field(None, description="Its number in the service's environment.")
    batch: int | None
    point: str
    hook: str
    kind: str
    way: str
    what: str
    state: str
    attempts: int
    code: int | None
    key: str
    output: str
    truncated: bool
    why: str
    started: datetime | None
    ended: datetime | None


class HooksOut(Schema):
    version: int | None
    hooks: list[dict[str, Any]]
    traffic: dict[str, Any]
    instances: list[dict[str, Any]] = Field(description="Of each instance whether it gets traffic: in, leaving, out.")
    upstreams: list[dict[str, Any]]


class HooksIn(Schema):
    """What is left out stays as it is."""

    hooks: list[dict[str, Any]] | None = None
    traffic: dict[str, Any] | None = None
    secrets: dict[str, str] = Field({}, description="Of hooks that sign, by name; one that is left out keeps its own.")
    reason: str = Field("", max_length=250)


class TryIn(Schema):
    instance: int | None = Field(None, ge=1, le=LIMIT)


class WhyIn(Schema):
    reason: str = Field("", max_length=2000)


class FrontOut(Schema):
    slug: str
    title: str
    hosts: list[str]
    folder: str
    conf: str
    pid: str
    program: str


class FrontIn(Schema):
    """What is left out stays as it is."""

    title: str | None = Field(None, max_length=120)
    hosts: list[str] | None = None
    folder: str | None = Field(None, max_length=200)
    conf: str | None = Field(None, max_length=200)
    pid: str | None = Field(None, max_length=200)
    program: str | None = Field(None, max_length=200)


class FrontNew(FrontIn):
    slug: str = Field(max_length=50)


TRY, WHY = TryIn.model_validate({}), WhyIn.model_validate({})


def run_json(request: HttpRequest, row: HookRun) -> dict[str, Any]:
    """What it said is for those who may read logs."""
    place = row.place
    reads = can(actor_of(request), "service.logs", **place.at)
    return {
        "number": row.pk, "release": row.deployment_id, "instance": row.instance.number if row.instance else None,
        "batch": row.batch + 1 if row.batch is not None else None, "point": row.point, "hook": row.name,
        "kind": row.kind, "way": row.way, "what": row.what, "state": row.state, "attempts": row.attempts,
        "code": row.code, "key": row.key, "output": row.output if reads else "", "truncated": row.truncated, "why": row.words,
        "started": row.started, "ended": row.ended,
    }  # fmt: skip


def _hooks(request: HttpRequest, place: ServiceEnvironment) -> dict[str, Any]:
    config = hooks.config_of(place)
    servings = (
        visible(actor_of(request), Serving)
        .filter(instance__place=place, instance__removed=None)
        .select_related("instance")
    )
    upstreams = visible(actor_of(request), Upstream).filter(place=place).select_related("front", "host")
    return {
        "version": place.config.version if place.config is not None else None,
        "hooks": [hook.to_json() for hook in config.hooks],
        "traffic": config.traffic.to_json(),
        "instances": [
            {"number": one.instance.number, "state": one.state, "since": one.since}
            for one in servings.order_by("instance__number")
        ],
        "upstreams": [
            {"front": one.front.slug, "host": one.host.name, "up_to_date": one.applied >= one.wanted,
             "trouble": one.trouble, "at": one.at, "text": one.text}
            for one in upstreams
        ],
    }  # fmt: skip


@router.get("/services/{slug}/{environment}/hooks", response=HooksOut)
def show_hooks(request: HttpRequest, slug: str, environment: str) -> Any:
    return _hooks(request, get_place(actor_of(request), _clean(slug), _clean(environment)))


@router.put("/services/{slug}/{environment}/hooks", response=HooksOut)
def save_hooks(request: HttpRequest, slug: str, environment: str, body: HooksIn) -> Any:
    place = get_place(actor_of(request), _clean(slug), _clean(environment))
    hooks.save(
        actor_of(request), place, hooks=body.hooks, traffic=body.traffic, secrets=body.secrets, reason=body.reason
    )
    return _hooks(request, get_place(actor_of(request), slug, environment))


@router.post("/services/{slug}/{environment}/hooks/{name}/test", response={202: HookRunOut})
def try_hook(request: HttpRequest, slug: str, environment: str, name: str, body: TryIn = TRY) -> Any:
    place = get_place(actor_of(request), _clean(slug), _clean(environment))
    return Status(202, run_json(request, hooks.try_out(actor_of(request), place, _clean(name), body.instance)))


@router.get("/deployments/{number}/hook-runs", response=list[HookRunOut])
def list_runs(request: HttpRequest, number: int) -> Any:
    rows = get_deployment(actor_of(request), number).hook_runs.select_related(
        "instance", "place__service", "place__environment"
    )
    return [run_json(request, row) for row in rows]


def _run(request: HttpRequest, number: int) -> HookRun:
    rows = HookRun.objects.select_related("place__service", "place__environment", "instance")
    return get_visible(actor_of(request), rows, pk=min(number, LIMIT))


@router.get("/hook-runs/{number}", response=HookRunOut)
def show_run(request: HttpRequest, number: int) -> Any:
    return run_json(request, _run(request, number))


@router.post("/hook-runs/{number}/{answer}", response={202: HookRunOut})
def answer_run(request: HttpRequest, number: int, answer: Literal["retry", "pass"], body: WhyIn = WHY) -> Any:
    verb = {"retry": hooks.retry, "pass": hooks.go_on}[answer]
    verb(actor_of(request), _run(request, number), body.reason)
    return Status(202, run_json(request, _run(request, number)))


# --- Fronts --------------------------------------------------------------------------------------------------------


@router.get("/nginx-fronts", response=list[FrontOut])
def list_fronts(request: HttpRequest) -> Any:
    return [fronts.facts(row) for row in Front.objects.prefetch_related("hosts")]


@router.post("/nginx-fronts", response={201: FrontOut})
def make_front(request: HttpRequest, body: FrontNew) -> Any:
    return Status(201, fronts.facts(fronts.save_front(actor_of(request), body.dict(exclude_none=True))))


@router.get("/nginx-fronts/{slug}", response=FrontOut)
def show_front(request: HttpRequest, slug: str) -> Any:
    return fronts.facts(_front(slug))


@router.patch("/nginx-fronts/{slug}", response=FrontOut)
def change_front(request: HttpRequest, slug: str, body: FrontIn) -> Any:
    return fronts.facts(fronts.save_front(actor_of(request), body.dict(exclude_none=True), _front(slug)))


@router.delete("/nginx-fronts/{slug}", response={204: None})
def remove_front(request: HttpRequest, slug: str) -> Any:
    fronts.remove_front(actor_of(request), _front(slug))
    return Status(204, None)


@router.post("/nginx-fronts/{slug}/apply", response={202: FrontOut})
def apply_front(request: HttpRequest, slug: str) -> Any:
    row = _front(slug)
    fronts.apply(actor_of(request), row)
    return Status(202, fronts.facts(row))


def _front(slug: str) -> Front:
    return get_object_or_404(Front, slug=_clean(slug))


def _clean(text: str) -> str:
    if "\x00" in text:
        raise Refused(_("NUL characters are not allowed."), None, 400)
    return text
