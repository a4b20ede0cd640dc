"""The log over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Router, Schema
from ninja import Query as Query_

from xqplatform.audit import queries, sentences
from xqplatform.audit.api_views import router as views_router
from xqplatform.audit.models import Event
from xqplatform.audit.search import language
from xqplatform.audit.search.asked import Asked
from xqplatform.audit.search.finding import Search
from xqplatform.audit.search.language import Query, Term
from xqplatform.errors import Refused

router = Router(tags=["audit"])
router.add_router("", views_router)


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
    token: str | None = Field(None, description="Name and first characters of the API token that it came by.")

    @staticmethod
    def resolve_words(event: Event) -> str:
        return sentences.verb(event)


class EventsOut(Schema):
    items: list[EventOut]
    next_before: int | None = Field(None, description="Ask again with before=… for older ones; null at the end.")


class EventQuery(Schema):
    q: str = Field(
        "", max_length=1000, description='The page\'s search: who:dan -via:system "rolled back" action:service.*'
    )
    actor: str = Field("", max_length=150)
    action: str = Field("", max_length=60, description="An action such as service.scale, or service.*")
    object: str = Field("", max_length=120, description="app.model:key, for example containers.service:3, or a name")
    request_id: str = Field("", max_length=40)
    denied: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


def _asked(query: EventQuery) -> Asked:
    """Raises Refused, with the reason, for a search that cannot be read."""
    typed = language.parse(query.q)
    if typed.problems:
        raise Refused(" ".join(typed.problems), "q", 400)
    given = {"who": query.actor, "action": query.action, "object": query.object, "request": query.request_id}
    if query.denied is not None:
        given["denied"] = "yes" if query.denied else "no"
    terms = [Term(name, text, whole=True) for name, text in given.items() if text]
    zone = timezone.get_current_timezone()

    def aware(end: datetime | None) -> datetime | None:
        return end.replace(tzinfo=zone) if end is not None and end.tzinfo is None else end

    return Asked(query.q, Query((*typed.terms, *terms)), aware(query.since), aware(query.until))


@router.get("/audit", response=EventsOut, summary="Events, newest first")
def events(request: HttpRequest, query: Query_[EventQuery]) -> dict[str, Any]:
    search = Search(request.actor, _asked(query))  # type: ignore[attr-defined]
    found, more = search.page(query.limit, query.before)
    return {"items": found, "next_before": found[-1].pk if more else None}


@router.get("/audit/{int:event_id}", response=EventOut, summary="One event")
def event(request: HttpRequest, event_id: int) -> Event:
    return get_object_or_404(queries.readable(request.actor), pk=event_id)  # type: ignore[attr-defined]
