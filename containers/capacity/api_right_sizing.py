"""Right-sizing over the API: what is proposed, and taking it into settings."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from containers.capacity import resizing, sizes, sizing_words
from containers.capacity.resizing import Outcome, Shown
from containers.capacity.rightsizing import Limits, Mark, Risk, Wish
from containers.capacity.size_lists import Listing
from containers.capacity.sizes import Size
from containers.models import ServiceEnvironment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import READ, require
from xqplatform.accounts.visibility import get_visible
from xqplatform.rest import ErrorOut

router = Router(tags=["capacity"])
ERRORS = {code: ErrorOut for code in (400, 403, 404, 409)}
Days = Annotated[int, Field(ge=1, le=sizes.LOOKED_BACK)]
Headroom = Annotated[int, Field(ge=0, le=200, description="Percent above the p99.")]


class LimitsOut(Schema):
    cpus: float = Field(description="Cores.")
    memory: int = Field(description="Bytes.")


class RiskOut(Schema):
    """On how many of the last 90 days limits as proposed would have been too low."""

    days: int = Field(description="Days that were measured.")
    cpu: int = Field(description="CPU's p99 was above.")
    memory: int = Field(description="Memory's p99 was above.")
    killed: int = Field(description="The highest memory was above: the kernel would have killed.")


class SizeOut(Schema):
    service: str
    environment: str
    team: str
    instances: int
    version: int = Field(description="Of the newest settings; 0: none.")
    states: list[Mark]
    evidence: list[str]
    days: int = Field(description="Days of the range that were measured.")
    cpu_p99: float | None = Field(description="Cores of the busiest instance.")
    memory_p99: int | None
    memory_highest: int | None
    throttled: float = Field(description="Share of the time, 0 to 1.")
    oom_kills: int
    limits: LimitsOut
    proposed: LimitsOut = Field(description="The same as the limits where no change is proposed.")
    saved: LimitsOut = Field(description="Over all instances; negative where more is needed.")
    risk: RiskOut | None = Field(description="Null where no change is proposed.")


class SizesOut(Schema):
    count: int
    freed: LimitsOut = Field(description="What all proposals of this list together free.")
    needed: LimitsOut = Field(description="What they need more.")
    items: list[SizeOut]


class SizeQuery(Schema):
    q: str = Field("", max_length=200)
    team: str = Field("", max_length=60)
    environment: str = Field("", max_length=60)
    state: str = Field("", max_length=20, description="A state, or «lowered» or «raised».")
    days: Days = 30
    headroom: Headroom = 25
    below_peak: bool = Field(False, description="Memory may be proposed below the highest that was in use.")
    sort: str = Field("", max_length=20)
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class ResizeOne(Schema):
    model_config = {"extra": "forbid"}
    service: str = Field(max_length=60)
    environment: str = Field(max_length=60)
    version: Annotated[int, Field(ge=0)] = Field(description="Of the settings that were looked at.")
    cpus: float = Field(description="As proposed.")
    memory: int = Field(description="As proposed.")


class ResizeIn(Schema):
    model_config = {"extra": "forbid"}
    places: list[ResizeOne] = Field(max_length=resizing.MOST)
    days: Days = 30
    headroom: Headroom = 25
    below_peak: bool = False
    live: bool = Field(False, description="Running containers take them at once, without a restart.")


class OutcomeOut(Schema):
    service: str
    environment: str
    version: int | None = Field(description="The new version of the settings; null where it was refused.")
    why: str = Field(description="Why it was refused, or why what runs keeps its limits.")
    deployment: int | None = Field(description="The change of limits of what runs.")


def _limits(value: Limits) -> dict[str, Any]:
    """Of one instance: as they are, since who applies them sends them back."""
    return {"cpus": value.cpus, "memory": value.memory}


def _sum(value: Limits) -> dict[str, Any]:
    return {"cpus": round(value.cpus, 4), "memory": value.memory}


def _told(one: Size, asked: Wish, risk: Risk | None) -> dict[str, Any]:
    return {
        "service": one.service, "environment": one.environment.slug, "team": one.team, "instances": one.instances,
        "version": one.version, "states": list(one.advice.marks),
        "evidence": [words for _mark, words in sizing_words.evidence(one, asked)], "days": one.past.days,
        "cpu_p99": one.past.cpu, "memory_p99": one.past.memory, "memory_highest": one.past.peak,
        "throttled": one.past.throttled, "oom_kills": one.past.ooms, "limits": _limits(one.advice.now),
        "proposed": _limits(one.advice.proposed), "saved": _sum(one.saved), "risk": risk,
    }  # fmt: skip


@router.get("/capacity/right-sizing", response={200: SizesOut, **ERRORS}, summary="Limits against use, and what fits")
def listed(request: HttpRequest, query: Query[SizeQuery]) -> Any:
    actor = actor_of(request)
    require(actor, READ)
    asked = Wish(query.days, query.headroom / 100, query.below_peak)
    listing = Listing(query.dict(), sizes.of_actor(actor, asked))
    freed, needed = sizing_words.sums(listing.kept)
    page = listing.kept[query.offset : query.offset + query.limit]
    risks = sizes.risks([one for one in page if one.advice.changes])
    return {
        "count": len(listing.kept),
        "freed": _sum(freed),
        "needed": _sum(needed),
        "items": [_told(one, asked, risks.get(one.place)) for one in page],
    }


@router.post(
    "/capacity/right-sizing", response={200: list[OutcomeOut], **ERRORS}, summary="Take what is proposed into settings"
)
def resize(request: HttpRequest, body: ResizeIn) -> Any:
    """One by one: what is refused of one holds up no other."""
    actor = actor_of(request)
    wanted = [Shown(_key(actor, one), one.version, Limits(one.cpus, one.memory)) for one in body.places]
    asked = Wish(body.days, body.headroom / 100, body.below_peak)
    return [_outcome(one) for one in resizing.resize(actor, wanted, asked, live=body.live)]


def _key(actor: Actor, one: ResizeOne) -> int:
    rows = ServiceEnvironment.objects.filter(service__removed=None)
    return get_visible(actor, rows, service__slug=one.service, environment__slug=one.environment).pk


def _outcome(one: Outcome) -> dict[str, Any]:
    return {
        "service": one.size.service, "environment": one.size.environment.slug,
        "version": one.saved.version if one.saved else None, "why": one.why or one.not_live,
        "deployment": one.deployment,
    }  # fmt: skip
