"""The fleet on one page: what there is, what is promised and used, by whom, and how long it lasts."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers.capacity import overview, sheet, shown, treemap
from containers.capacity.models import Of, Span
from containers.capacity.runway import LOOK_BACK
from containers.capacity.taken import pdf_response
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.web import answers
from xqplatform.web.tables import Table, csv_response

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
    fleet = overview.fleet(what.days)
    if fleet is not None:
        context |= _page(request, what, fleet)
    return render(request, "capacity/overview.html", context, status=400 if error else 200)


def _file(request: ActorRequest, what: overview.Asked) -> HttpResponseBase:
    """The lines, or the values of a chart, as CSV."""
    if request.GET["format"] not in {"csv", "pdf"}:
        raise Refused(_("There are the formats csv and pdf."), "format", 400)
    fleet = overview.fleet(what.days)
    if request.GET["format"] == "pdf":
        return _pdf(request, what, fleet)
    if "chart" in request.GET:
        charts = {one.key: one for one in (overview.trends(what, fleet.until) if fleet else [])}
        if request.GET["chart"] not in charts:
            raise Refused(_("There is no such chart."), "chart", 404)
        head, rows = sheet.chart(charts[request.GET["chart"]])
        return csv_response(request, f"capacity-{request.GET['chart']}.csv", head, rows, count=len(rows))
    rows = [sheet.line(one) for one in _table(request, what).queryset]
    return csv_response(request, f"capacity-{what.by}.csv", sheet.HEAD, rows, count=len(rows))


def _pdf(request: ActorRequest, what: overview.Asked, fleet: Span | None) -> HttpResponse:
    from containers.capacity import document  # what draws is loaded where it is needed

    if fleet is None:
        raise Refused(_("No day was rolled up yet"), "format", 404)
    rows = list(_table(request, what).queryset)
    content = document.made(what, fleet, rows, overview.runways(fleet.until))
    return pdf_response(request, f"capacity-{fleet.until}.pdf", content, rows=len(rows))


def _table(request: ActorRequest, what: overview.Asked) -> Table:
    """The lines as they are searched and sorted."""
    return Table(request, overview.lines(request.actor, what), search=["name"], sorts=SORTS, default="name")


def _page(request: ActorRequest, what: overview.Asked, fleet: Span) -> dict[str, object]:
    ends = overview.runways(fleet.until)
    of_hosts = what.by in {Of.GROUP, Of.HOST}
    lines = overview.lines(request.actor, what)
    table = _table(request, what)
    most = ends if request.GET.get("runways") == "all" else ends[:RUNWAYS]
    return {
        "fleet": fleet,
        "cards": shown.cards(fleet, ends),
        "runways": [shown.runway(one) for one in most],
        "more_runways": len(ends) - len(most),
        "look_back": LOOK_BACK,
        "after": overview.after(fleet.until - timedelta(days=what.days - 1), fleet.until),
        "table": table,
        "rows": [shown.row(one) for one in table.rows],
        "of_hosts": of_hosts,
        "what_word": shown.WORDS[Of(what.by)],
        "tree": treemap.drawn(shown.tiles(lines, of_hosts=of_hosts), _("CPU by size")),
        "charts": overview.trends(what, fleet.until),
    }
