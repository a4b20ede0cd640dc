"""What there is, what is used and how long it lasts, over the API: cores and bytes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema

from containers.capacity import overview, words
from containers.capacity import runways as kept_runways
from containers.capacity.models import Of, Span, SumDay
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

router = Router(tags=["capacity"])
Name = Annotated[str, Field(max_length=40)]


class AmountsOut(Schema):
    hosts: int
    instances: int
    cpus: int | None = Field(None, description="What the machines have; of groups and hosts only.")
    memory: int | None = None
    cpus_allocatable: float | None = Field(None, description="How much may be promised, by the rules of their groups.")
    memory_allocatable: int | None = None
    cpus_committed: float = Field(description="Promised: the limits of all instances.")
    memory_committed: int
    cpu_p50: float | None = Field(
        None, description="Added up over machines or places; null where nothing was measured."
    )
    cpu_p95: float | None = None
    cpu_max: float | None = None
    memory_p50: int | None = None
    memory_p95: int | None = None
    memory_max: int | None = None
    disk_total: int | None = None
    disk_used: int | None = None


class LineOut(AmountsOut):
    of: str
    name: str = Field(description="Empty: of no group, or no team.")
    days: int
    measured: int = Field(description="Days that the used figures are of.")
    covered: float | None = Field(
        None, description="The share of the machines that was measured; figures are extended to all. Of groups only."
    )
    until: date | None = Field(None, description="The last day that used figures are of; null: none is over yet.")


class DayOut(AmountsOut):
    day: date
    measured: float | None = Field(None, description="The share of the hosts or places that the used figures are of.")


class RunwayOut(Schema):
    resource: str = Field(description="cpu, memory, disk or addresses")
    name: str = Field(description="Of the group or segment.")
    basis: str = Field(description="promised or used: what goes.")
    capacity: float | None
    state: str = Field(description="full, ends, far, steady, noisy (cannot be told) or few (too few days)")
    days: float | None = Field(description="Until it is full, from `until` on.")
    soonest: float | None
    latest: float | None = Field(description="null: it may never be.")
    measured: int
    until: date
    words: str


@router.get(
    "/capacity", response=list[LineOut], summary="A line a group, host, environment, team or service, as it stands now"
)
def lines(
    request: HttpRequest,
    by: Name = "group",
    range: Name = "30d",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Any:
    require(actor_of(request), "fleet.read")
    what = overview.asked({"by": by, "range": range})
    return overview.lines(actor_of(request), what).lines[offset : offset + limit]


@router.get(
    "/capacity/runways",
    response=list[RunwayOut],
    summary="When CPU, memory, disk and addresses run out, the first ones first",
)
def runways(request: HttpRequest) -> Any:
    require(actor_of(request), "fleet.read")
    fleet = overview.fleet(Span.DAYS[0])
    return [
        {
            "resource": one.resource, "name": one.name, "basis": "promised" if one.promised else "used", "capacity": one.capacity,
            "state": one.found.state.value, "days": one.found.days, "soonest": one.found.soonest, "latest": one.found.latest,
            "measured": one.found.measured, "until": one.until, "words": words.ends(one),
        }
        for one in (kept_runways.read(fleet.until) if fleet else [])
    ]  # fmt: skip


@router.get(
    "/capacity/days", response=list[DayOut], summary="Day by day: of the fleet, or of a group, an environment or a team"
)
def days(
    request: HttpRequest,
    of: Name = "fleet",
    name: Annotated[str, Field(max_length=120)] = "",
    range: Name = "30d",
) -> Any:
    require(actor_of(request), "fleet.read")
    what = overview.asked({"range": range})
    kinds = [Of.FLEET, Of.GROUP, Of.ENVIRONMENT, Of.TEAM]
    if of not in kinds:
        raise Refused(_("There are %(kinds)s.") % {"kinds": ", ".join(kinds)}, "of", 400)
    span = Span.objects.filter(of=of, name=name, days=what.days).first()
    if span is None:
        raise Refused(_("There are no days of it."), "name", 404)
    first = span.until - timedelta(days=what.days - 1)
    return list(SumDay.objects.filter(of=of, key=span.key, day__range=(first, span.until)).order_by("day"))
