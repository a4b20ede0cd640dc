"""The charts of a host."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from hosts import charts
from hosts.models import Host
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import READ, require
from xqplatform.metrics import pages


@require_GET
def host(request: ActorRequest, name: str) -> HttpResponseBase:
    row = get_object_or_404(Host, name=name)
    require(request.actor, READ, obj=row)
    return pages.respond(
        request,
        lambda span, points: charts.sheet(row, span, points),
        "hosts/charts.html",
        {"host": row},
        name=row.name,
        about=row,
    )
