"""Alerts and silences over the API; rules and channels are beside it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status

from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.alerts import describe
from xqplatform.alerts.api_channels import router as channels_router
from xqplatform.alerts.api_rules import router as rules_router
from xqplatform.alerts.models import Alert, Rule, Silence
from xqplatform.alerts.services import silences

router = Router(tags=["alerts"])
router.add_router("", rules_router)
router.add_router("", channels_router)


class AlertOut(Schema):
    id: int
    rule: str
    severity: str
    state: str
    subject: str
    device: str
    name: str
    service: str
    environment: str
    host: str
    group: str
    value: float | None = None
    peak: float | None = None
    unit: str
    words: str
    held: str = Field(description="Why nobody is told; empty: they are.")
    started: datetime
    fired: datetime | None = None
    resolved: datetime | None = None


class AlertsOut(Schema):
    items: list[AlertOut]
    next_before: int | None = Field(None, description="Ask again with before=… for older ones; null at the end.")


class AlertQuery(Schema):
    state: Literal["", "pending", "firing", "resolved"] = "firing"
    severity: Literal["", "critical", "warning"] = ""
    service: str = Field("", max_length=60)
    environment: str = Field("", max_length=60)
    host: str = Field("", max_length=80)
    group: str = Field("", max_length=60)
    subject: str = Field("", max_length=60, description="instance:12, host:3")
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


@router.get("/alerts", response=AlertsOut, summary="Alerts, newest first; those that fire unless asked otherwise")
def alerts(request: HttpRequest, query: Query[AlertQuery]) -> dict[str, Any]:
    given = query.dict(exclude={"before", "limit"})
    rows = (
        visible(actor_of(request), Alert)
        .filter(**{name: value for name, value in given.items() if value})
        .select_related("rule")
    )
    if query.before:
        rows = rows.filter(pk__lt=query.before)
    found = list(rows.order_by("-pk")[: query.limit + 1])
    more, found = len(found) > query.limit, found[: query.limit]
    return {"items": [describe.as_json(row) for row in found], "next_before": found[-1].pk if more else None}


@router.get("/alerts/{int:pk}", response=AlertOut, summary="One alert")
def alert(request: HttpRequest, pk: int) -> dict[str, Any]:
    return describe.as_json(get_visible(actor_of(request), Alert.objects.select_related("rule"), pk=pk))


class SilenceOut(Schema):
    id: int
    rule: str | None = None
    service: str
    environment: str
    host: str
    group: str
    subject: str
    reason: str
    starts: datetime
    until: datetime
    by: str

    @staticmethod
    def resolve_rule(row: Silence) -> str | None:
        return row.rule.name if row.rule else None

    @staticmethod
    def resolve_by(row: Silence) -> str:
        return row.created_name


class SilenceIn(Schema):
    """Whatever is given must match; at least one thing must be."""

    model_config = {"extra": "forbid"}
    rule: str | None = Field(None, max_length=120)
    service: str = Field("", max_length=60)
    environment: str = Field("", max_length=60)
    host: str = Field("", max_length=80)
    group: str = Field("", max_length=60)
    subject: str = Field("", max_length=60)
    reason: str = Field(max_length=500)
    minutes: Annotated[int, Field(ge=1, le=60 * 24 * 92)] = 60


@router.get("/alert-silences", response=list[SilenceOut], summary="Silences that hold")
def all_silences(request: HttpRequest) -> Any:
    return visible(actor_of(request), Silence).filter(until__gt=timezone.now()).select_related("rule")


@router.post("/alert-silences", response={201: SilenceOut}, summary="Silence what matches for some minutes")
def silence(request: HttpRequest, data: SilenceIn) -> Any:
    given = data.dict(exclude={"rule", "minutes"})
    rule = get_object_or_404(Rule, name=data.rule) if data.rule else None
    until = timezone.now() + timedelta(minutes=data.minutes)
    row = silences.create_silence(actor_of(request), rule=rule, until=until, **given)
    return Status(201, row)


@router.post("/alert-silences/{int:pk}/end", response=SilenceOut, summary="End a silence now")
def end_silence(request: HttpRequest, pk: int) -> Any:
    return silences.end_silence(actor_of(request), get_visible(actor_of(request), Silence, pk=pk))
