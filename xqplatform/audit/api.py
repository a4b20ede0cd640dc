"""The log over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema

from xqplatform.audit import queries, sentences
from xqplatform.audit.models import Event

router = Router(tags=["audit"])


class EventOut(Schema):
    id: int
    time: datetime
    actor: str
    via: str
    ip: str
    request_id: str
    action: str
    words: str
    denied: bool
    object_type: str
    object_id: str
    object_name: str
    parent_type: str
    parent_id: str
    before: Any = None
    after: Any = None
    reason: str

    @staticmethod
    def resolve_words(event: Event) -> str:
        return sentences.verb(event)


class EventsOut(Schema):
    items: list[EventOut]
    next_before: int | None = Field(None, description="Ask again with before=… for older ones; null at the end.")


class EventQuery(Schema):
    actor: str = Field("", max_length=150)
    action: str = Field("", max_length=60, description="An action such as service.scale, or service.*")
    object: str = Field("", max_length=120, description="app.model:key, for example containers.service:3")
    request_id: str = Field("", max_length=40)
    denied: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


@router.get("/audit", response=EventsOut, summary="Events, newest first")
def events(request: HttpRequest, query: Query[EventQuery]) -> dict[str, Any]:
    rows = queries.readable(request.actor).order_by("-id")  # type: ignore[attr-defined]
    rows = queries.of_object(rows, queries.clean(query.object))
    if query.actor:
        rows = rows.filter(actor=queries.clean(query.actor))
    if action := queries.clean(query.action):
        rows = rows.filter(action__startswith=action[:-1]) if action.endswith("*") else rows.filter(action=action)
    if query.request_id:
        rows = rows.filter(request_id=queries.clean(query.request_id))
    if query.denied is not None:
        rows = rows.filter(denied=query.denied)
    if query.since:
        rows = rows.filter(time__gte=query.since)
    if query.until:
        rows = rows.filter(time__lt=query.until)
    if query.before:
        rows = rows.filter(id__lt=query.before)
    found = list(rows[: query.limit + 1])
    more = len(found) > query.limit
    found = found[: query.limit]
    return {"items": found, "next_before": found[-1].pk if more else None}


@router.get("/audit/{int:event_id}", response=EventOut, summary="One event")
def event(request: HttpRequest, event_id: int) -> Event:
    return get_object_or_404(queries.readable(request.actor), pk=event_id)  # type: ignore[attr-defined]
