"""What stands on base images, and waves, over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from builds.api import Key
from builds.models import Blueprint, Wave
from builds.services import waves as verbs
from builds.services.reached import Place, image_of, places_of
from builds.services.standing import family_of, seen_by, standing_on
from builds.uses import Use
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible, visible

router = Router(tags=["waves"])


class WaveIn(Schema):
    source: Literal["running", "newest"] = Field(
        "running", description="The commits that run, so that only the base changes; or their branches' newest."
    )
    with_root: bool = Field(True, description="Build the base image itself anew first.")
    reason: str = Field("", max_length=2000)


class WaveAskIn(Schema):
    reason: str = Field("", max_length=2000)


class WaveOut(Schema):
    id: int
    blueprint: str
    state: str
    source: str
    reason: str
    by: str
    created: datetime
    finished: datetime | None


class WaveFull(WaveOut):
    builds: list[dict[str, Any]]
    places: list[dict[str, Any]]


REBUILD, NO_REASON = WaveIn.model_validate({}), WaveAskIn.model_validate({})


def _wave(row: Wave) -> dict[str, Any]:
    names = ("id", "state", "source", "reason", "created", "finished")
    return {name: getattr(row, name) for name in names} | {"blueprint": row.blueprint.name, "by": row.created_name}


def _full(request: HttpRequest, row: Wave) -> dict[str, Any]:
    items = verbs.items_seen_by(actor_of(request), row)
    builds = []
    for item in items:
        image = image_of(item)
        builds.append(
            {
                "blueprint": item.blueprint.name if item.blueprint else None,
                "project": item.project.name if item.project else None,
                "branch": item.branch,
                "revision": item.revision,
                "state": verbs.standing_of(item),
                "trouble": item.trouble,
                "build": item.build_id,
                "image": image.pk if image else None,
            }
        )
    return _wave(row) | {"builds": builds, "places": [_place(one) for one in places_of(row, items)]}


def _place(one: Place) -> dict[str, Any]:
    return {
        "service": one.use.service,
        "environment": one.use.environment.slug,
        "image": one.image.pk if one.image else None,
        "old_instances": [number for _stands, use in one.old for number, _url in use.instances],
        "new_instances": [number for _stands, use in one.new for number, _url in use.instances],
    }


def _use(use: Use) -> dict[str, Any]:
    return {
        "service": use.service,
        "environment": use.environment.slug,
        "instances": [number for number, _url in use.instances],
    }


@router.get("/blueprints/{name}/standing", response=list[dict[str, Any]], summary="What stands on a base image")
def show_standing(request: HttpRequest, name: str) -> Any:
    """Images of projects that stand on it, the newest first, with the digest of it, and where they run."""
    row = get_visible(actor_of(request), Blueprint, name=name, base=True)
    return [
        {
            "image": one.image.pk,
            "project": str(one.image.project),
            "tag": one.image.tag,
            "base_image": one.base.pk,
            "base_digest": one.base.digest or one.base.image_id,
            "newest_base": one.newest,
            "runs": [_use(use) for use in one.uses],
        }
        for one in seen_by(actor_of(request), standing_on(family_of(row)))
    ]


@router.post("/blueprints/{name}/waves", response={202: WaveFull}, summary="Build anew all that stands on it")
def start_wave(request: HttpRequest, name: str, data: WaveIn = REBUILD) -> Any:
    row = get_visible(actor_of(request), Blueprint, name=name)
    wave = verbs.start_wave(actor_of(request), row, source=data.source, with_root=data.with_root, reason=data.reason)
    return Status(202, _full(request, wave))


@router.get("/waves", response=list[WaveOut], summary="The newest hundred waves")
def list_waves(request: HttpRequest) -> Any:
    return [_wave(row) for row in visible(actor_of(request), Wave).select_related("blueprint")[:100]]


@router.get("/waves/{pk}", response=WaveFull, summary="One wave: its builds, and where they run")
def show_wave(request: HttpRequest, pk: Key) -> Any:
    return _full(request, _row(request, pk))


@router.post("/waves/{pk}/stop", response={202: WaveFull}, summary="Nothing further is built")
def stop_wave(request: HttpRequest, pk: Key, data: WaveAskIn = NO_REASON) -> Any:
    return Status(202, _full(request, verbs.stop_wave(actor_of(request), _row(request, pk), data.reason)))


@router.post("/waves/{pk}/retry", response={202: WaveFull}, summary="Build again what failed")
def retry_wave(request: HttpRequest, pk: Key, data: WaveAskIn = NO_REASON) -> Any:
    return Status(202, _full(request, verbs.retry_wave(actor_of(request), _row(request, pk), data.reason)))


def _row(request: HttpRequest, pk: int) -> Wave:
    return get_visible(actor_of(request), Wave.objects.select_related("blueprint"), pk=pk)
