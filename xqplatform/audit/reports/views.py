"""Monthly reports: the months there are, each as PDF and CSV."""

from __future__ import annotations

from django.contrib import messages
from django.db.models.fields.json import KT
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import require
from xqplatform.audit.models import Event
from xqplatform.audit.reports import months, services
from xqplatform.audit.reports.downloads import answer
from xqplatform.audit.reports.models import MonthlyReport
from xqplatform.errors import Refused


@require_http_methods(["GET", "POST"])
def index(request: ActorRequest) -> HttpResponse:
    """The list; a month that is to be counted (anew) is sent here."""
    require(request.actor, services.RIGHT)
    wrong: Refused | None = None
    if request.method == "POST":
        try:
            services.ask(request.actor, request.POST.get("month", "")[:20])
            return redirect("reports:index")
        except Refused as refused:
            wrong = refused
    now = timezone.now()
    first = Event.objects.order_by("pk").values_list("time", flat=True).first()
    # (Figures are long: of each report the list shows one number. A month is told as a date, which is of no zone.)
    counted = dict(MonthlyReport.objects.values_list("month", KT("figures__n_events")))
    known = {row.month: row for row in MonthlyReport.objects.defer("figures")}
    # (What went into archives is still told of by the reports that were made before.)
    names = set(months.between(first, now) if first is not None else []) | set(known)
    rows = [(months.bounds(name), name, known.get(name)) for name in sorted(names, reverse=True)[: months.MOST]]
    context = {
        "rows": [
            {"month": name, "day": start.date(), "report": row, "whole": end <= now, "n": counted.get(name)}
            for (start, end), name, row in rows
        ],
        "wrong": wrong,
    }  # fmt: skip
    return render(request, "audit/reports.html", context, status=wrong.code if wrong else 200)


@require_GET
def download(request: ActorRequest, month: str, form: services.Form) -> HttpResponse:
    try:
        content = services.take(request.actor, month, form)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("reports:index")
    return answer(content, month, form)
