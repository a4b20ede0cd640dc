"""REST API of what a place releases by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from containers.automatic import services
from containers.models import AutomaticRelease
from containers.views.access import get_place
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import visible

router = Router(tags=["releases"])


class AutomaticIn(Schema):
    """What is left out stays as it is."""

    enabled: bool | None = None
    branches: str | None = Field(None, description="Patterns, one a space: main release/*")
    tags: str | None = Field(None, description="Patterns: v*")
    reason: str | None = Field(None, max_length=250)


class CameOut(Schema):
    pushed: str
    state: str
    words: str
    release: int | None
    delivery: int | None
    created: datetime


class AutomaticOut(Schema):
    enabled: bool
    branches: str
    tags: str
    reason: str
    author: str = Field(description="Whose right stands behind what is released by it.")
    came: list[CameOut] = Field(description="What came of the newest pushes.")


def _out(request: HttpRequest, place: Any) -> dict[str, Any]:
    came = visible(actor_of(request), AutomaticRelease).filter(place=place)[:50]
    return services.shown(services.rule_of(place)) | {
        "came": [
            {
                "pushed": row.pushed,
                "state": str(row.state),
                "words": row.words,
                "release": row.deployment_id,
                "delivery": row.delivery_id,
                "created": row.created,
            }
            for row in came
        ]
    }


@router.get("/services/{slug}/{environment}/automatic", response=AutomaticOut, summary="What is released by itself")
def show_rule(request: HttpRequest, slug: str, environment: str) -> dict[str, Any]:
    return _out(request, get_place(actor_of(request), slug, environment))


@router.put("/services/{slug}/{environment}/automatic", response=AutomaticOut, summary="Say what is released by itself")
def save_rule(request: HttpRequest, slug: str, environment: str, data: AutomaticIn) -> dict[str, Any]:
    """It is released with your right from then on, past no guardrail."""
    place = get_place(actor_of(request), slug, environment)
    given = {key: value for key, value in data.dict(exclude_unset=True).items() if value is not None}
    services.save(actor_of(request), place, given)
    return _out(request, place)
