"""REST API of the calculator: the same figures as its page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from containers.capacity import calculator
from containers.capacity.calculator import Answer
from containers.capacity.forms import asked_of
from containers.capacity.load_cost import Span
from containers.capacity.robust import Line
from containers.trains.forms import place_named
from xqplatform.accounts.http import actor_of

router = Router(tags=["capacity"])


class CalculatorQuery(Schema):
    """Numbers as texts, as they stand in the page's address: both are judged by the same form."""

    place: str = Query(max_length=100, description="service/environment")
    metric: str | None = Query(None, max_length=200, description="The load; left out: the likeliest series.")
    range: str | None = Query(None, max_length=10, description="1h, 6h, 24h, 7d (usual) or 30d.")
    load: str | None = Query(None, max_length=40, description="Expected, of all instances together.")
    users: str | None = Query(None, max_length=40)
    per_user: str | None = Query(None, max_length=40)
    target: str | None = Query(None, max_length=40, description="Per cent of its limits that an instance may use.")
    cpus: str | None = Query(None, max_length=40)
    memory: str | None = Query(None, max_length=20)


class FromToOut(Schema):
    low: float
    likely: float
    high: float


class FittedLineOut(Schema):
    """Of one instance: y = base + slope · load. Errors are half of the range in which they lie 19 times out of 20."""

    base: float
    base_error: float
    slope: float
    slope_error: float
    r2: float


class FitOut(Schema):
    wanted: int
    standing: int
    fits: bool
    refusal: str
    rooms: list[dict[str, Any]]


class CalculatorOut(Schema):
    place: str
    metric: str
    load: float | None
    readings: int
    why: str
    r2: float | None
    cpu: FittedLineOut | None
    memory: FittedLineOut | None
    instances: FromToOut | None
    bound: str
    cpu_of_all: FromToOut | None
    memory_of_all: FromToOut | None
    proposed_cpus: float | None
    proposed_memory: int | None
    warnings: list[str]
    fit: FitOut | None


@router.get("/capacity/calculator", response=CalculatorOut)
def calculate(request: HttpRequest, asked: Query[CalculatorQuery]) -> Any:
    """What an expected load needs, by what it cost so far; 409 where nothing was measured. Without a load only what it costs."""
    place = place_named(actor_of(request), asked.place.replace("\x00", ""))
    given = {name: value for name, value in asked.dict(exclude={"place"}).items() if value is not None}
    return as_json(calculator.answer(asked_of(place, given)))


def as_json(found: Answer) -> dict[str, Any]:
    cost, need, fit = found.cost, found.need, found.fit
    return {
        "place": str(found.asked.place),
        "metric": found.asked.metric,
        "load": found.asked.load,
        "readings": len(found.readings),
        "why": need.why if need is not None else found.why,
        "r2": cost.cpu.r2 if cost is not None else found.r2,
        "cpu": _line(cost.cpu) if cost is not None else None,
        "memory": _line(cost.memory) if cost is not None else None,
        "instances": _span(need.instances) if need is not None else None,
        "bound": need.bound if need is not None else "",
        "cpu_of_all": _span(need.cpu) if need is not None else None,
        "memory_of_all": _span(need.memory) if need is not None else None,
        "proposed_cpus": need.cpus if need is not None else None,
        "proposed_memory": need.bytes if need is not None else None,
        "warnings": list(need.warnings) if need is not None else [],
        "fit": None
        if fit is None
        else {
            "wanted": fit.wanted,
            "standing": fit.standing,
            "fits": not fit.refusal,
            "refusal": fit.refusal,
            "rooms": [
                {"group": room.name, "instances": room.instances, "hosts": dict(room.hosts)} for room in fit.rooms
            ],
        },
    }


def _line(line: Line) -> dict[str, float]:
    return {name: getattr(line, name) for name in ("base", "base_error", "slope", "slope_error", "r2")}


def _span(span: Span | None) -> dict[str, float] | None:
    return None if span is None else {"low": span.low, "likely": span.likely, "high": span.high}
