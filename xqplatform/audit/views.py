"""The log: who did what to what, when, why, and what it was before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from xqplatform.accounts.rights import can
from xqplatform.audit import queries, sentences
from xqplatform.audit.models import Event
from xqplatform.audit.search import asked, shown
from xqplatform.audit.search.finding import Search
from xqplatform.web.tables import csv_response

PER_PAGE = 50


def _search(request: HttpRequest) -> Search:
    wanted = asked.read(request.GET, timezone.get_current_timezone(), timezone.now())
    return Search(request.actor, wanted)  # type: ignore[attr-defined]


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """One page of what was searched, newest first; with htmx only its rows."""
    search = _search(request)
    below = _key(request.GET.get("before", ""))
    events, more = search.page(PER_PAGE, below)
    rows = [{"event": e, "difference": sentences.difference(e), "via": sentences.via(e)} for e in events]
    context: dict[str, Any] = {
        "events": rows,
        "asked": search.asked,
        "older": events[-1].pk if more else None,
        "paged": below is not None,
        "live": below is None and request.GET.get("live") != "off",
        "filtered": search.asked.filtered,
        "problems": search.asked.problems,
    }
    if request.headers.get("HX-Target") == "events":
        return render(request, "audit/_events.html", context)
    context |= {
        "all": can(request.actor, "audit.read"),  # type: ignore[attr-defined]
        "chips": shown.chips(request.GET, search.asked),
        "fields": shown.fields(request.GET),
        "ranges": shown.ranges(request.GET),
        "get": request.GET,
        "zone": timezone.get_current_timezone_name(),
    }
    return render(request, "audit/log.html", context)


@require_GET
def event(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(queries.readable(request.actor), pk=pk)  # type: ignore[attr-defined]
    same = Event.objects.none()
    if row.request_id:
        same = queries.readable(request.actor).filter(request_id=row.request_id).exclude(pk=pk)[:20]  # type: ignore[attr-defined]
    context = {
        "event": row,
        "difference": sentences.difference(row),
        "kind": sentences.kind(row),
        "via": sentences.via(row),
    }
    context["same"] = same
    return render(request, "audit/event.html", context)


@require_GET
def export(request: HttpRequest) -> HttpResponseBase:
    """What the search finds, whole, as CSV; times in UTC."""
    head = ["id", "time", "actor", "via", "ip", "request", "action", "denied", "object type", "object id", "object"]
    search = _search(request)

    def lines() -> Iterator[list[Any]]:
        for e in search.events():
            yield [
                e.pk, e.time.isoformat(), e.actor, e.via, e.ip, e.request_id, e.action, int(e.denied),
                e.object_type, e.object_id, e.object_name, e.reason, _json(e.before), _json(e.after),
            ]  # fmt: skip

    name = f"audit-{timezone.localdate():%Y%m%d}.csv"
    return csv_response(request, name, [*head, "reason", "before", "after"], lines())


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
