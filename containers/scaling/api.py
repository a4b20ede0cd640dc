"""REST API of a place's elasticity."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from containers.models import ServiceEnvironment
from containers.scaling import services, words
from containers.scaling.models import ScalingDecision
from containers.scaling.shape import Reason
from containers.schemas import Paged
from containers.views.access import get_place
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import visible

router = Router(tags=["scaling"])


class LoadIn(Schema):
    metric: str = Field(description="Of instances: cpu.percent, memory.percent, app.requests.rate")
    target: float = Field(description="The mean of an instance that is kept")


class MarketIn(Schema):
    calendar: str
    anchor: str = Field(description="open or close")
    minutes: int = Field(0, description="After it; negative: before it")
    instances: int


class WeekIn(Schema):
    days: list[int] = Field(description="0 is Monday")
    at: str = Field(description="09:30, in the policy's zone")
    instances: int


class ForecastIn(Schema):
    metric: str = ""
    weeks: int = 4
    minutes: int = Field(15, description="Ahead")
    margin: int = Field(10, description="Percent")


class ScalingPolicyIn(Schema):
    least: int
    most: int
    loads: list[LoadIn] = []
    market: list[MarketIn] = []
    week: list[WeekIn] = []
    zone: str = "UTC"
    forecast: ForecastIn | None = None
    tolerance: int = Field(10, description="Percent off the target in which nothing is done")
    over: int = Field(60, description="Seconds of samples that are looked at")
    window: int = Field(300, description="Seconds whose highest wish counts when it shrinks")
    most_up: int = Field(300, description="Percent that may come at once by load")
    most_down: int = Field(50, description="Percent that may go at once")
    enabled: bool = True
    dry: bool = Field(False, description="Decides and tells, and changes nothing")


class WishOut(Schema):
    source: str
    name: str
    instances: int | None
    words: str


class ScalingOut(Schema):
    policy: ScalingPolicyIn | None
    unreadable: str = Field("", description="Why the stored policy cannot be read, until it is saved anew")
    stored: Any = Field(None, description="The policy as it is stored, where it cannot be read")
    author: str
    version: int
    evaluated: datetime | None
    instances: int | None
    wanted: int | None = Field(description="The highest wish within the bounds")
    words: str
    wishes: list[WishOut]


class ScalingDecisionOut(Schema):
    time: datetime
    before: int
    asked: int
    after: int
    outcome: str
    reason: str
    words: str
    wishes: list[WishOut]
    release: int | None


def wish_out(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": one.get("source", ""),
        "name": one.get("name", ""),
        "instances": one.get("number"),
        "words": words.say(Reason.of(one.get("reason", {}))),
    }


def _out(place: ServiceEnvironment) -> dict[str, Any]:
    row = services.policy_of(place)
    if row is None:
        none = dict.fromkeys(("policy", "evaluated", "instances", "wanted"))
        return none | {"author": "", "version": 0, "words": "", "wishes": []}
    refused = services.read(row)[1]
    return {
        "policy": None if refused else services.content_of(row),
        "unreadable": refused.message if refused else "",
        "stored": row.content if refused else None,
        "author": row.author_name,
        "version": row.version,
        "evaluated": row.ran,
        "instances": row.now.get("here"),
        "wanted": row.now.get("wanted"),
        "words": row.now.get("problem") or (words.say(Reason.of(row.now["reason"])) if row.now else ""),
        "wishes": [wish_out(one) for one in row.now.get("wishes", [])],
    }


@router.get("/services/{slug}/{environment}/scaling", response=ScalingOut, summary="The policy, and what it says now")
def show_policy(request: HttpRequest, slug: str, environment: str) -> dict[str, Any]:
    return _out(get_place(actor_of(request), slug, environment))


@router.put("/services/{slug}/{environment}/scaling", response=ScalingOut, summary="Say how it grows and shrinks")
def save_policy(request: HttpRequest, slug: str, environment: str, data: ScalingPolicyIn) -> dict[str, Any]:
    """The whole policy: what is left out is as usual."""
    place = get_place(actor_of(request), slug, environment)
    services.save(actor_of(request), place, data.dict())
    return _out(place)


@router.delete("/services/{slug}/{environment}/scaling", response={204: None}, summary="Take the policy away")
def remove_policy(request: HttpRequest, slug: str, environment: str) -> Any:
    services.remove(actor_of(request), get_place(actor_of(request), slug, environment))
    return Status(204, None)


@router.get(
    "/services/{slug}/{environment}/scaling/decisions",
    response=list[ScalingDecisionOut],
    summary="What the policy decided, newest first",
)
def list_decisions(request: HttpRequest, slug: str, environment: str, paged: Query[Paged]) -> list[dict[str, Any]]:
    place = get_place(actor_of(request), slug, environment)
    rows = visible(actor_of(request), ScalingDecision).filter(place=place)
    return [
        {
            "time": row.time,
            "before": row.before,
            "asked": row.asked,
            "after": row.after,
            "outcome": str(row.outcome),
            "reason": words.say(Reason.of(row.reason)),
            "words": row.words,
            "wishes": [wish_out(one) for one in row.wishes],
            "release": row.deployment_id,
        }
        for row in rows[paged.offset : paged.offset + paged.limit]
    ]
