"""All services that keep data, and how that is protected, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from containers.keeping import protecting
from containers.keeping.protecting import Line
from containers.keeping.protection import STATES
from containers.models import ServiceEnvironment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import visible
from xqplatform.web.states import look
from xqplatform.web.tables import Filter, ListTable, csv_response

SORTS = {"worst": "worst", "service": "service", "environment": "environment", "good": "good", "drilled": "drilled"}


def lines_of(actor: Actor) -> list[Line]:
    """The places that the actor may know of."""
    return protecting.lines(visible(actor, ServiceEnvironment))


@require_GET
def show(request: HttpRequest) -> HttpResponseBase:
    found = lines_of(actor_of(request))
    environments = sorted({one.environment for one in found})
    table = ListTable(
        request,
        found,
        search=["service", "environment", "team", "target"],
        sorts=SORTS,
        default="worst",
        filters={
            "state": Filter(gettext_lazy("State"), [(one.value, look(one.value).word) for one in STATES], _by("state")),
            "environment": Filter(
                gettext_lazy("Environment"), [(one, one) for one in environments], _by("environment")
            ),
        },
    )
    if request.GET.get("format") == "csv":
        return _csv(request, table)
    count = Counter(one.state for one in found)
    sums = [(one.value, count[one]) for one in STATES]
    return render(request, "keeping/protection.html", {"table": table, "sums": sums, "all": len(found)})


def _by(name: str) -> Any:
    def chosen(rows: Iterable[Line], value: str) -> list[Line]:
        return [row for row in rows if getattr(row, name) == value]

    return chosen


def _csv(request: HttpRequest, table: ListTable) -> HttpResponseBase:
    head = [_("Service"), _("Environment"), _("Team"), _("State"), _("Last good backup"), _("Last drill that passed"),
            _("Store"), _("What is wrong")]  # fmt: skip
    rows = [
        (one.service, one.environment, one.team, look(one.state).word, _time(one.good), _time(one.drilled), one.target,
         " ".join(one.words))
        for one in table.all
    ]  # fmt: skip
    return csv_response(request, "protection.csv", head, rows, count=len(rows))


def _time(moment: Any) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
