"""The log: who did what to what, when, why, and what it was before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from xqplatform.accounts.rights import can
from xqplatform.audit import queries, sentences
from xqplatform.audit.actions import ACTIONS
from xqplatform.audit.models import Event
from xqplatform.web.tables import Filter, Table, csv_response


def _table(request: HttpRequest) -> Table:
    get = request.GET
    rows = queries.readable(request.actor)  # type: ignore[attr-defined]
    rows = queries.between(rows, get.get("since", ""), get.get("until", ""))
    rows = queries.of_object(rows, queries.clean(get.get("object")))
    if who := queries.clean(get.get("who")):
        rows = rows.filter(actor__icontains=who)
    kinds = Event.objects.order_by().exclude(object_type="").values_list("object_type", flat=True).distinct()
    return Table(
        request,
        rows,
        search=["actor", "object_name", "reason", "request_id__startswith", "ip__startswith", "action"],
        sorts={"time": "id", "who": "actor", "action": "action"},
        default="-time",
        filters={
            "action": Filter(_("What"), _actions(), _of_action),
            "kind": Filter(_("Object"), sorted((k, k.partition(".")[2]) for k in kinds), "object_type"),
            "via": Filter(_("By way of"), list(sentences.VIAS.items()), "via"),
            "denied": Filter(_("Allowed"), [("1", _("only denied")), ("0", _("only done"))], "denied"),
        },
    )


def _actions() -> list[tuple[str, Any]]:
    """Single actions, and whole rooms of them («host.*»)."""
    rooms = sorted({name.partition(".")[0] for name in ACTIONS if "." in name})
    return [(f"{room}.*", f"{room}.*") for room in rooms] + [(name, name) for name in sorted(ACTIONS)]


def _of_action(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    return rows.filter(action__startswith=value[:-1]) if value.endswith("*") else rows.filter(action=value)


@require_GET
def log(request: HttpRequest) -> HttpResponse:
    table = _table(request)
    context = {
        "table": table,
        "events": [{"event": e, "difference": sentences.difference(e), "via": sentences.via(e)} for e in table.rows],
        "all": can(request.actor, "audit.read"),  # type: ignore[attr-defined]
        "filtered": table.active or any(request.GET.get(k) for k in ("who", "since", "until", "object")),
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
    """What the filters show, whole, as CSV; times in UTC."""
    head = ["id", "time", "actor", "via", "ip", "request", "action", "denied", "object type", "object id", "object"]
    rows = _table(request).queryset

    def lines() -> Iterator[list[Any]]:
        for e in rows.iterator(chunk_size=500):
            yield [
                e.pk, e.time.isoformat(), e.actor, e.via, e.ip, e.request_id, e.action, int(e.denied),
                e.object_type, e.object_id, e.object_name, e.reason, _json(e.before), _json(e.after),
            ]  # fmt: skip

    name = f"audit-{timezone.localdate():%Y%m%d}.csv"
    return csv_response(request, name, [*head, "reason", "before", "after"], lines())


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
