"""The charts of an instance, and of all instances of a place together."""

from __future__ import annotations

from functools import cache

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from containers import charts
from containers.views.access import get_instance, get_place
from containers.views.run import frame
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import READ, require
from xqplatform.metrics import pages


@require_GET
def instance(request: HttpRequest, number: int) -> HttpResponseBase:
    row = get_instance(actor_of(request), number)
    place = row.place
    require(actor_of(request), READ, **place.at, obj=row)
    context = frame(request, place, "charts") | {"instance": row}
    return pages.respond(
        request,
        lambda span, points: charts.instance_sheet(row, span, points),
        "containers/instance_charts.html",
        context,
        name=row.name,
        about=row,
    )


@require_GET
def place(request: HttpRequest, slug: str, environment: str) -> HttpResponseBase:
    row = get_place(actor_of(request), slug, environment)
    require(actor_of(request), READ, **row.service.at_in(environment), obj=row)
    instances = cache(lambda span: charts.instances_in(row, span))
    return pages.respond(
        request,
        lambda span, points: charts.place_sheet(row, instances(span), span, points),
        "containers/place_charts.html",
        frame(request, row, "charts"),
        name=f"{slug}-{environment}",
        about=row,
        more=lambda span: charts.counted(instances(span)),
    )
