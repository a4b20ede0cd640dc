"""The log: who did what to what, when, why, and what it was before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from xqplatform import audit
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import can
from xqplatform.audit import hooks, queries, sentences
from xqplatform.audit.models import Event, Indexed
from xqplatform.audit.search import asked, shown
from xqplatform.audit.search import overview as overviews
from xqplatform.audit.search.finding import Search
from xqplatform.audit.services import views_of
from xqplatform.web.tables import csv_stream

PER_PAGE = 50
MOST_NEWER = 999
MOST_SAME = 50
WIDTHS = (5, 15, 60, 240)  # minutes before and after an event


def _search(request: ActorRequest) -> Search:
    wanted = asked.read(request.GET, timezone.get_current_timezone(), timezone.now())
    return Search(request.actor, wanted)


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


@require_GET
def log(request: ActorRequest) -> HttpResponse:
    """One page of what was searched, newest first; htmx gets its rows only."""
    search = _search(request)
    below = _key(request.GET.get("before", ""))
    rows_only = request.headers.get("HX-Target") == "events"
    keys = [] if rows_only else search.keys(overviews.MOST_COUNTED + 1)
    if rows_only or below is not None:
        events, more = search.page(PER_PAGE, below)
    else:  # what was counted begins with the first page
        events, more = search.of(keys[:PER_PAGE]), len(keys) > PER_PAGE
    folded = request.GET.get("group") == "1"
    context: dict[str, Any] = {
        "rows": shown.rows(events, folded=folded),
        "events": events,
        "asked": search.asked,
        "older": events[-1].pk if more else None,
        "paged": below is not None,
        "folded": folded,
        "paused": below is None and request.GET.get("live") == "off",
        "live": below is None and request.GET.get("live") != "off",
        "newest": events[0].pk if events else 0,
        "filtered": search.asked.filtered,
        "problems": search.asked.problems,
    }
    if rows_only:
        return render(request, "audit/_events.html", context)
    context |= {
        "all": can(request.actor, "audit.read"),
        "chips": shown.chips(request.GET, search.asked),
        "fields": shown.fields(request.GET),
        "ranges": shown.ranges(request.GET),
        "get": request.GET,
        "zone": timezone.get_current_timezone_name(),
        "views": shown.views(views_of(request.actor), request.GET, request.actor),
        "here": shown.address(request.GET),
        **overviews.overview(search, request.GET, keys),
    }
    return render(request, "audit/log.html", context)


@require_GET
def newer(request: ActorRequest) -> HttpResponse:
    """What a page that is paused says: how many came since."""
    after = _key(request.GET.get("after", "")) or 0
    count = _search(request).newer(after, MOST_NEWER)
    return render(request, "audit/_newer.html", {"count": count, "most": count >= MOST_NEWER, "newest": after})


@require_GET
def event(request: ActorRequest, pk: int) -> HttpResponse:
    """One event, what else its request did, and what happened around it."""
    row = get_object_or_404(queries.readable(request.actor), pk=min(pk, 2**62))
    same: list[Event] = []
    if row.request_id:
        others = queries.readable(request.actor).filter(request_id=row.request_id).exclude(pk=row.pk)
        same = list(others.order_by("pk")[: MOST_SAME + 1])
    place = Indexed.objects.filter(pk=row.pk).first()
    asked_for = _key(request.GET.get("minutes", "")) or 0
    minutes = asked_for if asked_for in WIDTHS else WIDTHS[1]
    context = {
        "event": row,
        "difference": shown.difference(row),
        "kind": sentences.kind(row),
        "via": sentences.via(row),
        "same": same[:MOST_SAME],
        "same_more": len(same) > MOST_SAME,
        "place": place,
        "related": sentences.related(row),
        "around": [found for hook in hooks.AROUND if (found := hook(request.actor, row, place, minutes)) is not None],
        "beside": shown.around(row, place, minutes),
        "minutes": minutes,
        "widths": WIDTHS,
    }
    return render(request, "audit/event.html", context)


@require_GET
def export(request: ActorRequest) -> HttpResponseBase:
    """What the search finds, whole, as CSV; times in UTC. Taking it along is an event."""
    head = [
        "id",
        "time",
        "actor",
        "via",
        "ip",
        "request",
        "token",
        "action",
        "denied",
        "object type",
        "object id",
        "object",
    ]
    search = _search(request)
    audit.record(request.actor, "audit.export", None, after={"form": "csv", "search": request.GET.urlencode()[:500]})

    def lines() -> Iterator[list[Any]]:
        for e in search.events():
            yield [
                e.pk, e.time.isoformat(), e.actor, e.via, e.ip, e.request_id, e.token or "", e.action, int(e.denied),
                e.object_type, e.object_id, e.object_name, e.reason, _json(e.before), _json(e.after),
            ]  # fmt: skip

    name = f"audit-{timezone.localdate():%Y%m%d}.csv"
    return csv_stream(request, name, [*head, "reason", "before", "after"], lines())


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
