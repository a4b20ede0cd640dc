"""REST API of rebalancing: what should move now, and the first moves begun."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from containers.capacity import rebalancing
from containers.placement.rebalance import MOST
from xqplatform.accounts.http import actor_of

router = Router(tags=["capacity"])


class MoveOut(Schema):
    place: str = Field(description="Nameless where a closed team owns it.")
    old: str
    new: str
    repairs: list[str] = Field(
        description="The rules that it stands against now: label, unlabel, group, avoid, per_host, per_room; empty: hosts get more even."
    )
    uneven: float = Field(
        description="The standard deviation of how full hosts are, with it and those before it moved."
    )


class ProposalOut(Schema):
    """What should move, repairs first. `broken`: how many instances at least have to move before all rules are kept."""

    mark: str = Field(description="Give it to the moves, and they begin only if the proposal is still this one.")
    moves: list[MoveOut]
    broken_before: int
    broken_after: int
    uneven_before: float
    uneven_after: float
    pinned: dict[str, int] = Field(description="Why instances stay where they are, and how many.")


class RebalanceIn(Schema):
    model_config = {"extra": "forbid"}
    count: int = Field(ge=1, le=MOST, description="So many of the proposed moves, the first ones.")
    mark: str = Field(max_length=64)
    reason: str = Field("", max_length=2000)


class BegunOut(Schema):
    deployments: list[int]
    instances: int
    refused: list[str] = Field(description="Why some could not be begun, a sentence a place.")


@router.get(
    "/capacity/rebalance", response=ProposalOut, summary="What should move so that rules are kept and hosts are even"
)
def show(request: HttpRequest) -> Any:
    found = rebalancing.find(actor_of(request))
    proposal, hosts = found.proposal, found.hosts
    return {
        "mark": found.mark,
        "moves": [
            {
                "place": found.names.get(move.place, ""),
                "old": hosts[move.old],
                "new": hosts[move.new],
                "repairs": sorted(move.repairs),
                "uneven": move.deviation,
            }
            for move in proposal.moves
        ],
        "broken_before": proposal.broken_before,
        "broken_after": proposal.broken_after,
        "uneven_before": proposal.uneven_before,
        "uneven_after": proposal.uneven_after,
        "pinned": found.stays,
    }


@router.post("/capacity/rebalance", response={202: BegunOut}, summary="Begins the first moves of a proposal")
def begin(request: HttpRequest, body: RebalanceIn) -> Any:
    """A deployment of kind «move» a place, each under its own right; follow them under `/deployments/NUMBER`."""
    begun = rebalancing.begin(actor_of(request), body.count, body.mark, body.reason.replace("\x00", ""))
    rows = {
        "deployments": [row.pk for row in begun.deployments],
        "instances": begun.instances,
        "refused": begun.refused,
    }
    return Status(202, rows)
