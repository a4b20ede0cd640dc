"""The fleet on one page: what there is, what is promised and used, by whom, and how long it lasts."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers.capacity import overview, runways, sheet, shown, treemap
from containers.capacity.models import Of
from containers.capacity.runway import LOOK_BACK
from containers.capacity.taken import pdf_response
from containers.capacity.today import Today
from hosts.services import pools
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.web import answers
from xqplatform.web.tables import ListTable, csv_response

RUNWAYS = 8  # shown at first
SORTS = {
    "name": "name",
    "instances": "instances",
    "cpu": "cpus_committed",
    "cpu_used": "cpu_p95",
    "memory": "memory_committed",
    "memory_used": "memory_p95",
    "disk": "disk_used",
}


@require_GET
def show(request: ActorRequest) -> HttpResponseBase:
    require(request.actor, "fleet.read")
    error = ""
    try:
        what = overview.asked(request.GET)
        if request.GET.get("format"):
            return _file(request, what)
    except Refused as refused:
        if request.GET.get("format"):
            return answers.refusal(refused)
        what, error = overview.Asked(), refused.message
    context = {"what": what, "error": error, "ranges": overview.RANGES.items(), "by": overview.BY.items()}
    context |= _page(request, what)
    return render(request, "capacity/overview.html", context, status=400 if error else 200)


def _file(request: ActorRequest, what: overview.Asked) -> HttpResponseBase:
    """The lines, or the values of a chart, as CSV."""
    if request.GET["format"] not in {"csv", "pdf"}:
        raise Refused(_("There are the formats csv and pdf."), "format", 400)
    if request.GET["format"] == "pdf":
        return _pdf(request, what)
    if "chart" in request.GET:
        fleet = overview.fleet(what.days)
        charts = {one.key: one for one in (overview.trends(what, fleet.until) if fleet else [])}
        if request.GET["chart"] not in charts:
            raise Refused(_("There is no such chart."), "chart", 404)
        head, values = sheet.chart(charts[request.GET["chart"]])
        return csv_response(request, f"capacity-{request.GET['chart']}.csv", head, values, count=len(values))
    rows = [sheet.line(one) for one in _table(request, overview.lines(request.actor, what)).all]
    return csv_response(request, f"capacity-{what.by}.csv", sheet.HEAD, rows, count=len(rows))


def _pdf(request: ActorRequest, what: overview.Asked) -> HttpResponse:
    from containers.capacity import document  # what draws is loaded where it is needed

    now = overview.lines(request.actor, what)
    if not now.fleet.hosts and not now.has_days:
        raise Refused(_("No host is connected yet"), "format", 404)
    rows, ends = list(_table(request, now).all), runways.read(now.fleet.until) if now.has_days else []
    content = document.made(what, now.fleet, rows, ends, pools.read())
    return pdf_response(request, f"capacity-{timezone.localdate()}.pdf", content, rows=len(rows))


def _table(request: ActorRequest, now: Today) -> ListTable:
    """The lines as they are searched and sorted."""
    return ListTable(request, now.lines, search=["name"], sorts=SORTS, default="name")


def _page(request: ActorRequest, what: overview.Asked) -> dict[str, object]:
    now = overview.lines(request.actor, what)
    of_hosts, table, until = what.by in {Of.GROUP, Of.HOST}, _table(request, now), now.fleet.until
    ends = runways.read(until) if now.has_days else []
    most = ends if request.GET.get("runways") == "all" else ends[:RUNWAYS]
    found: dict[str, object] = {
        "fleet": now.fleet,
        "has_days": now.has_days,
        "cards": shown.cards(now.fleet, ends, pools.read()),
        "runways": [shown.runway(one) for one in most],
        "more_runways": len(ends) - len(most),
        "look_back": LOOK_BACK,
        "table": table,
        "rows": [shown.row(one) for one in table.rows],
        "of_hosts": of_hosts,
        "what_word": shown.WORDS[Of(what.by)],
        "tree": treemap.drawn(shown.tiles(now.lines, of_hosts=of_hosts), _("CPU by size")),
    }
    if now.has_days:
        found |= {
            "charts": overview.trends(what, until),
            "after": overview.after(until - timedelta(days=what.days - 1), until),
        }
    return found
