"""A page of charts in its three shapes: HTML, JSON for what appends to it, CSV for a spreadsheet. Same rights, same range."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from xqplatform.errors import Refused
from xqplatform.metrics import ranges, units
from xqplatform.metrics.board import POINTS, TICK, stale_words
from xqplatform.metrics.charts import MOST_PLACES, Chart, Group
from xqplatform.metrics.ranges import Range
from xqplatform.web.tables import csv_response

FEWEST = 10


@dataclass
class Sheet:
    """The charts of a page, when their newest sample was taken, and what the page says besides."""

    groups: list[Group]
    newest: float | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def charts(self) -> list[Chart]:
        return [chart for group in self.groups for chart in group.charts]


Make = Callable[[Range, int], Sheet]


def respond(
    request: HttpRequest,
    make: Make,
    template: str,
    context: Mapping[str, Any],
    *,
    name: str,
    default: str = ranges.DEFAULT,
) -> HttpResponseBase:
    """`make(range, points)` builds the sheet; `?format=json` and `?format=csv` ask for the other shapes of it."""
    shape = request.GET.get("format", "")
    now = time.time()
    if shape:
        try:
            return _data(request, make, shape, name, ranges.parse(request.GET, now, default))
        except Refused as refused:
            return JsonResponse({"error": refused.message, "field": refused.field}, status=refused.code)
    control = ranges.control(request.GET, now, default)
    sheet = make(control.range, POINTS)
    found = {
        "control": control,
        "sheet": sheet,
        "follow": follow(sheet, control.range),
        "stale": stale_words(sheet.newest, control.range),
        "kept": [(k, v) for k, v in request.GET.items() if k not in {*ranges.NAMES, "format"}],
    }
    return render(request, template, {**context, **sheet.more, **found}, status=400 if control.error else 200)


def follow(sheet: Sheet, span: Range) -> float:
    """Seconds between two looks for newer samples; 0 where the range does not move."""
    step = min((chart.grid.step for chart in sheet.charts), default=TICK)
    return max(TICK, min(60.0, step)) if span.live else 0.0


def _data(request: HttpRequest, make: Make, shape: str, name: str, span: Range) -> HttpResponseBase:
    if shape not in {"json", "csv"}:
        raise Refused(_("There are the formats json and csv."), "format", 400)
    since = _number(request, "since", 0, 4e9)
    points = _number(request, "points", FEWEST, MOST_PLACES)
    wanted = request.GET.get("chart", "")
    sheet = make(span, int(points or POINTS))
    charts = [chart for chart in sheet.charts if wanted in {"", chart.key}]
    if wanted and not charts:
        raise Refused(_("There is no chart «%(key)s» here.") % {"key": wanted[:60]}, "chart", 404)
    if shape == "csv":
        return _csv(request, charts, f"{name}{'-' + wanted if wanted else ''}.csv")
    data = {
        "from": span.start,
        "to": span.end,
        "newest": sheet.newest,
        "stale": stale_words(sheet.newest, span),
        "charts": [chart.as_json(since) for chart in charts],
    }
    answer: HttpResponse = JsonResponse(data)
    answer["Cache-Control"] = "no-store"
    return answer


def _number(request: HttpRequest, name: str, low: float, high: float) -> float | None:
    text = request.GET.get(name, "").strip()[:40]
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Refused(_("It must lie between %(low)g and %(high)g.") % {"low": low, "high": high}, name, 400)
    return value


def _csv(request: HttpRequest, charts: list[Chart], name: str) -> HttpResponseBase:
    """A row a moment; an empty cell where there is no sample."""
    lines = [(chart, line) for chart in charts for line in chart.lines]
    head = [_("time"), "unix"] + [f"{chart.title}: {line.label} [{_unit(chart)}]" for chart, line in lines]

    def rows() -> Iterator[list[Any]]:
        if not charts:
            return
        grid = charts[0].grid
        for place in range(grid.count):
            at = grid.start + place * grid.step
            yield [ranges.exact(at), f"{at:.0f}", *(_cell(line.values[place]) for _chart, line in lines)]

    return csv_response(request, name, head, rows())


def _unit(chart: Chart) -> str:
    """CSV has plain values: bytes, not MiB."""
    return chart.unit if chart.unit == "ratio" else units.name(chart.unit)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
