"""The calculator: what is expected, what it costs, how many instances that makes, and where they would go."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers.capacity import calculator, calculator_sheet, load_readings, taken
from containers.capacity.calculator import Answer
from containers.capacity.forms import CalculatorForm
from containers.capacity.scatter import Scatter
from containers.models import ServiceEnvironment
from containers.trains.forms import place_named
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import READ, can, require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused
from xqplatform.metrics import units
from xqplatform.web.tables import csv_response

MOST_NAMES = 2000


@require_GET
def show(request: HttpRequest) -> HttpResponseBase:
    actor = actor_of(request)
    require(actor, READ)
    named = request.GET.get("place", "")[:200]
    context: dict[str, Any] = {"place_name": named, "places": _names(actor)}
    place = None
    if named:
        try:
            place = place_named(actor, named.replace("\x00", ""))
        except Refused as refused:
            context["place_error"] = refused.message
    if place is None:
        return render(request, "capacity/calculator.html", context, status=400 if named else 200)
    series = load_readings.load_series(place)
    form = CalculatorForm(place, series, request.GET)
    context |= {"place": place, "place_name": str(place), "form": form, "series": series}
    if not series or not form.is_valid():
        return render(request, "capacity/calculator.html", context, status=400 if series else 200)
    found = calculator.answer(form.asked())
    if asked := taken.format_of(request):
        return _file(request, found, asked)
    context |= {
        "found": found,
        "most_scaled": calculator.MOST_SCALED,
        "load_unit": units.WORDS.get(calculator_sheet.load_unit(found), ""),
        "pictures": pictures(found),
        "links": links(actor, found),
    }
    return render(request, "capacity/calculator.html", context)


def _file(request: HttpRequest, found: Answer, asked: str) -> HttpResponseBase:
    place, rows = found.asked.place, calculator_sheet.rows(found)
    name = f"calculator-{place.service.slug}.{asked}"
    if asked == "csv":
        return csv_response(request, name, calculator_sheet.head(), rows, count=len(rows), obj=place)
    from containers.capacity import calculator_paper  # what draws is loaded where it is needed

    return taken.pdf_response(request, name, calculator_paper.made(found, rows), rows=len(rows), obj=place)


def _names(actor: Actor) -> SafeString:
    """Options of what can be typed; made here, since there may be thousands of them."""
    rows = visible(actor, ServiceEnvironment).filter(service__removed=None).order_by("service__slug")
    pairs = rows.values_list("service__slug", "environment__slug")[:MOST_NAMES]
    return format_html_join("", '<option value="{}/{}"></option>', pairs)


def pictures(found: Answer) -> list[Scatter]:
    """CPU and memory over the load of one instance."""
    cost, asked, readings = found.cost, found.asked, found.readings
    if cost is None:
        return []
    xs = [one.load for one in readings]
    unit = calculator_sheet.load_unit(found)
    return [
        Scatter(
            _("CPU"), "cores", unit, "cpu", xs, [one.cpu for one in readings], cost.cpu, found.share,
            asked.cpus * asked.target,
        ),
        Scatter(
            _("Memory"), "bytes", unit, "memory", xs, [one.memory for one in readings], cost.memory, found.share,
            asked.memory * asked.target,
        ),
    ]  # fmt: skip


def links(actor: Actor, found: Answer) -> dict[str, str]:
    """Where what was found can be applied, for who may."""
    place, need = found.asked.place, found.need
    if need is None:
        return {}
    where = [place.service.slug, place.environment.slug]
    urls = {}
    if (
        need.instances is not None
        and 0 < need.safe <= calculator.MOST_SCALED
        and can(actor, "service.scale", **place.at)
    ):
        urls["scale"] = f"{reverse('containers:scale', args=where)}?{urlencode({'wanted': need.safe})}"
    if can(actor, "service.change", **place.at):
        limits = {"cpus": f"{need.cpus:g}", "memory": f"{need.bytes // 1024**2}m"}
        urls["settings"] = f"{reverse('containers:settings', args=where)}?{urlencode(limits)}"
    return urls
