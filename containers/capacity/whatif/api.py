"""REST API of what-if: a scenario's outcome, and scenarios that are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema, Status

from containers.capacity.whatif import gather, scenario, services, shown
from containers.capacity.whatif.models import Scenario
from containers.capacity.whatif.simulate import simulate
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require

router = Router(tags=["capacity"])
HOW = "Changes, one each: " + ", ".join(f"`{form}`" for form in scenario.forms())


class ScenarioIn(Schema):
    name: str = Field(max_length=200)
    shared: bool = False
    changes: list[str] = Field(max_length=scenario.MOST, description=HOW)


class ScenarioOut(Schema):
    id: int
    name: str
    owner: str
    shared: bool
    changes: list[str]
    changed: datetime


class WhatIfQuery(Schema):
    c: list[str] = Field(default_factory=list, max_length=scenario.MOST, description=HOW)


class WhatIfOut(Schema):
    """Groups today and then; cores and bytes. `instances`: what was asked of whom, and what would let in what does not fit."""

    fits: bool
    missing: int
    placed: int
    changes: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    total: dict[str, Any]
    instances: list[dict[str, Any]]


def _json(row: Scenario) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "owner": row.owner_name,
        "shared": row.shared,
        "changes": row.changes,
        "changed": row.changed,
    }


def _outcome(actor: Actor, texts: list[str]) -> dict[str, Any]:
    changes = scenario.parse_all(texts)
    fleet = gather.fleet(actor, changes)
    return shown.as_json(fleet, changes, simulate(fleet, changes))


@router.get("/capacity/what-if", response=WhatIfOut)
def what_if(request: HttpRequest, asked: Query[WhatIfQuery]) -> Any:
    """Today's fleet with these changes: does all fit, and what would be left. Nothing is changed by it."""
    actor = actor_of(request)
    require(actor, services.RIGHT)
    return _outcome(actor, asked.c)


@router.get("/capacity/scenarios", response=list[ScenarioOut])
def list_scenarios(request: HttpRequest) -> Any:
    """One's own, and those that others share."""
    actor = actor_of(request)
    require(actor, services.RIGHT)
    return [_json(row) for row in services.seen_by(actor)[:1000]]


@router.post("/capacity/scenarios", response={201: ScenarioOut})
def keep_scenario(request: HttpRequest, body: ScenarioIn, response: HttpResponse) -> Any:
    row = services.save(actor_of(request), body.name, body.changes, shared=body.shared)
    response["Location"] = f"/api/v1/capacity/scenarios/{row.pk}"
    return Status(201, _json(row))


@router.get("/capacity/scenarios/{number}", response=ScenarioOut)
def show_scenario(request: HttpRequest, number: int) -> Any:
    return _json(services.get(actor_of(request), number))


@router.get("/capacity/scenarios/{number}/outcome", response=WhatIfOut)
def scenario_outcome(request: HttpRequest, number: int) -> Any:
    """On the fleet as it is now."""
    actor = actor_of(request)
    return _outcome(actor, list(services.get(actor, number).changes))


@router.put("/capacity/scenarios/{number}", response=ScenarioOut)
def change_scenario(request: HttpRequest, number: int, body: ScenarioIn) -> Any:
    """An own one."""
    actor = actor_of(request)
    return _json(
        services.save(actor, body.name, body.changes, shared=body.shared, scenario=services.get(actor, number))
    )


@router.delete("/capacity/scenarios/{number}", response={204: None})
def remove_scenario(request: HttpRequest, number: int) -> Any:
    actor = actor_of(request)
    services.remove(actor, services.get(actor, number))
    return Status(204, None)
