"""REST API of costs and prices."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from containers.capacity import cost_card, prices
from containers.capacity.cost_card import Row
from containers.capacity.models import Price
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require

router = Router(tags=["capacity"])


class CostRow(Schema):
    name: str
    team: str
    amounts: list[float | None] = Field(description="By month, the oldest first; null of a month that is not counted.")
    change: float | None = Field(description="The newest whole month against the one before, as a share.")


class CostOut(Schema):
    months: list[date]
    currency: str
    days: int = Field(description="Of the month under way that are counted.")
    unpriced: list[str] = Field(description="Hosts without a price: they cost nothing here.")
    whole: CostRow
    unallocated: CostRow
    others: CostRow = Field(description="What is not asked for, or not there for you.")
    teams: list[CostRow]
    services: list[CostRow]


class PriceIn(Schema):
    """Of one host, of a host group, else of every host without a nearer price; a month's."""

    host: str = ""
    group: str = ""
    monthly: str = Field("", max_length=20, description="A whole host, or:")
    core: str = Field("", max_length=20)
    gib: str = Field("", max_length=20)
    currency: str = Field(max_length=8)
    valid_from: date


class PriceOut(Schema):
    id: int
    host: str
    group: str
    monthly: str
    core: str
    gib: str
    currency: str
    valid_from: date


def _row(row: Row) -> dict[str, Any]:
    return {"name": row.key, "team": row.team, "amounts": row.amounts, "change": row.change}


@router.get("/capacity/cost", response=CostOut, summary="What teams and services cost by month")
def show_cost(
    request: HttpRequest, environment: str = "", team: str = "", months: str = "", q: str = ""
) -> dict[str, Any]:
    """3, 6 or 12 months by UTC, with the one under way."""
    what = cost_card.asked({"environment": environment, "team": team, "months": months, "q": q})
    card = cost_card.read(actor_of(request), what)
    return {
        "months": card.months,
        "currency": card.currency,
        "days": card.days,
        "unpriced": card.unpriced,
        "whole": _row(card.whole),
        "unallocated": _row(card.unallocated),
        "others": _row(card.others),
        "teams": [_row(one) for one in card.teams],
        "services": [_row(one) for one in card.services],
    }


def _price(row: Price) -> dict[str, Any]:
    return prices.shown(row) | {"id": row.pk}


@router.get("/capacity/prices", response=list[PriceOut], summary="What hosts cost")
def list_prices(request: HttpRequest) -> list[dict[str, Any]]:
    require(actor_of(request), cost_card.RIGHT)
    return [_price(row) for row in Price.objects.select_related("host", "group")]


@router.post("/capacity/prices", response={201: PriceOut}, summary="Add a price")
def add_price(request: HttpRequest, data: PriceIn) -> Status:
    """The months since then are counted anew."""
    return Status(201, _price(prices.add(actor_of(request), data.dict())))


@router.delete("/capacity/prices/{pk}", response={204: None}, summary="Remove a price")
def remove_price(request: HttpRequest, pk: int) -> Status:
    require(actor_of(request), prices.RIGHT)
    prices.remove(actor_of(request), get_object_or_404(Price, pk=min(max(pk, 0), 2**31)))
    return Status(204, None)
