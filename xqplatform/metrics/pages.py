"""A page of charts in its three shapes: HTML, JSON for what appends to it, CSV for a spreadsheet. Same rights, same range."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from xqplatform.errors import Refused
from xqplatform.metrics import ranges, units
from xqplatform.metrics.board import POINTS, TICK, stale_words
from xqplatform.metrics.charts import MOST_PLACES, Chart, Group
from xqplatform.metrics.figure import context_of
from xqplatform.metrics.ranges import Range
from xqplatform.web import answers
from xqplatform.web.streaming import page_around
from xqplatform.web.tables import csv_response

log = logging.getLogger(__name__)
FEWEST = 10


Part = tuple[str, Callable[[], list[Chart]]]
# What templates/metrics/_head.html has the browser wait for: one frame with the first chart is there sooner than two.
BEGUN = mark_safe('<i id="xqc-begun" hidden></i>')
SHEET = "metrics/_sheet.html"


@dataclass
class Sheet:
    """The charts of a page in parts (heading, what makes its charts), and when their newest sample was taken.
    A part is made when its turn comes, so that the first is seen before the last is drawn."""

    parts: list[Part]
    newest: float | None = None

    @property
    def groups(self) -> list[Group]:
        return [Group(title, charts) for title, make in self.parts if (charts := make())]

    @property
    def charts(self) -> list[Chart]:
        return [chart for group in self.groups for chart in group.charts]

    @property
    def headings(self) -> list[Group]:
        return [Group(title, []) for title, _make in self.parts]


Make = Callable[[Range, int], Sheet]


def respond(
    request: HttpRequest,
    make: Make,
    template: str,
    context: Mapping[str, Any],
    *,
    name: str,
    about: Model,
    default: str = ranges.DEFAULT,
    more: Callable[[Range], Mapping[str, Any]] = lambda span: {},
) -> HttpResponseBase:
    """`make(range, points)` builds the sheet; `?format=json` and `?format=csv` ask for the other shapes of it.

    `about`: whose charts they are, for the event of who takes the numbers along. `more(range)`: what the page's frame says of the range; it is sent before a sample is read.
    """
    now = time.time()
    if request.GET.get("format", ""):
        try:
            return _data(request, make, name, ranges.parse(request.GET, now, default), about)
        except Refused as refused:
            return answers.refusal(refused)
    control = ranges.control(request.GET, now, default)
    found = {
        "control": control,
        "follow": follow(control.range),
        "kept": [(k, v) for k, v in request.GET.items() if k not in {*ranges.NAMES, "format"}],
    }
    # Who changes the range has the frame already; a part of the frame that is made anew (htmx names its target) needs no charts.
    target = request.headers.get("HX-Target", "charts")
    shown = SHEET if request.headers.get("HX-Request") and target == "charts" else template
    status = 400 if control.error else 200
    response = page_around(
        request,
        shown,
        {**context, **more(control.range), **found},
        lambda: _parts(lambda: make(control.range, POINTS), control.range) if target == "charts" else iter(()),
        status,
    )
    response["Vary"] = "HX-Request, HX-Target"
    return response


def _parts(make: Callable[[], Sheet], span: Range) -> Iterator[str]:
    """The browser takes in the page's frame while the samples are read. Then a chart at a time. What fails is said in its place:
    the page has begun already."""
    try:
        sheet = make()
    except DatabaseError as error:
        yield _failed(_("Charts"), error) + BEGUN
        return
    pieces = _pieces(sheet)
    yield _lead(sheet, span) + next(pieces, render_to_string("metrics/_none.html")) + BEGUN
    yield from pieces


def _lead(sheet: Sheet, span: Range) -> str:
    return render_to_string("metrics/_lead.html", {"sheet": sheet, "stale": stale_words(sheet.newest, span)})


def _failed(title: str, error: DatabaseError) -> SafeString:
    log.warning("Charts of «%s»: %s", title, error)
    words = _("These charts cannot be read just now; the database says: %(words)s") % {"words": error}
    return format_html('<div class="alert alert-danger" role="alert">{}: {}</div>', title, words)


def _pieces(sheet: Sheet) -> Iterator[str]:
    """A chart at a time, each part with its heading."""
    for title, make in sheet.parts:
        try:
            charts = make()
        except DatabaseError as error:
            yield _failed(title, error)
            continue
        if charts:
            group = Group(title, charts)
            yield format_html(
                '<section class="xqc-group" id="g-{}"><h2>{}</h2><div class="xqc-grid">', group.anchor, title
            ) + render_to_string("metrics/_chart.html", context_of(charts[0]))
            for chart in charts[1:]:
                yield render_to_string("metrics/_chart.html", context_of(chart))
            yield "</div></section>"


def follow(span: Range) -> float:
    """Seconds between two looks for newer samples; 0 where the range does not move."""
    return max(TICK, min(60.0, span.seconds / POINTS)) if span.live else 0.0


def _data(request: HttpRequest, make: Make, name: str, span: Range, about: Model) -> HttpResponseBase:
    shape = request.GET.get("format", "")
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
        return _csv(request, charts, f"{name}{'-' + wanted if wanted else ''}.csv", about)
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


def _csv(request: HttpRequest, charts: list[Chart], name: str, about: Model) -> HttpResponseBase:
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

    count = charts[0].grid.count if charts else 0
    return csv_response(request, name, head, rows(), count=count, obj=about)


def _unit(chart: Chart) -> str:
    """CSV has plain values: bytes, not MiB."""
    return chart.unit if chart.unit == "ratio" else units.name(chart.unit)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
