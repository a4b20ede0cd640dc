"""What the page shows of a policy: what it says now, its decisions, and charts of load and instances."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from containers.models import ServiceEnvironment
from containers.scaling import history, words
from containers.scaling.models import ScalingDecision, ScalingPolicy
from containers.scaling.shape import Reason
from xqplatform import metrics
from xqplatform.metrics import Band, Point, catalogue, charts
from xqplatform.metrics.charts import Chart, Limit, Line, Mark
from xqplatform.metrics.pages import Sheet
from xqplatform.metrics.ranges import Range

MOST_MARKS = 80
AROUND = (3600.0, 1800.0)  # seconds before and after a decision that its chart shows


def says(row: ScalingPolicy | None) -> dict[str, Any] | None:
    """What the last evaluation said; None: there was none yet."""
    if row is None or not row.now:
        return None
    if "problem" in row.now:
        return {"problem": row.now["problem"], "ran": row.ran}
    return {
        "ran": row.ran,
        "here": row.now["here"],
        "to": row.now["to"],
        "wanted": row.now["wanted"],
        "why": words.say(Reason.of(row.now["reason"])),
        "wishes": [wish(one) for one in row.now["wishes"]],
    }


def wish(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": words.source(str(one.get("source", "")), str(one.get("name", ""))),
        "number": one.get("number"),
        "why": words.say(Reason.of(one.get("reason", {}))),
    }


def decorate(rows: list[ScalingDecision]) -> list[ScalingDecision]:
    """With what the table shows: the reason in words, the wishes, and the range of the charts in which it lies."""
    for row in rows:
        at = row.time.timestamp()
        row.around = Range(at - AROUND[0], min(at + AROUND[1], max(at, time.time()))).query  # type: ignore[attr-defined]
        row.why = words.say(Reason.of(row.reason))  # type: ignore[attr-defined]
        row.told = [wish(one) for one in row.wishes]  # type: ignore[attr-defined]
    return rows


def sheet(place: ServiceEnvironment, content: Mapping[str, Any], span: Range, points: int) -> Sheet:
    """The mean of each load with its target, and how many instances were measured, with decisions as marks."""
    loads = {str(one["metric"]): float(one["target"]) for one in content.get("loads", [])} or {"cpu.percent": 0.0}
    names = list(loads)
    subjects, reach = history.stood(place, span.start, span.end)
    bands = metrics.bands(subjects, names, span.start, span.end, points)
    for band in bands.values():
        band.points[:] = [point for point in band.points if point.time >= reach]
    marks = marks_of(place, span)
    limits = (
        [Limit(_("at most"), float(content["most"])), Limit(_("at least"), float(content["least"]))] if content else []
    )

    def drawn() -> list[Chart]:
        counted = Line("instances", _("measured"), "count", fill=True)
        found = [_chart("instances", _("Instances"), "count", bands[names[0]], span, counted, limits, marks)]
        for name in names:
            line, unit = Line(name, _("mean of the instances"), "cpu", fill=True), catalogue.find(name).unit
            target = [Limit(_("target"), loads[name])] if loads[name] else []
            found.append(_chart(name, words.metric(name), unit, bands[name], span, line, target, marks))
        return found

    newest = max((band.points[-1].time for band in bands.values() if band.points), default=None)
    return Sheet([(_("Load and instances"), drawn)], newest)


def _chart(  # noqa: PLR0917
    key: str, title: str, unit: Any, band: Band, span: Range, line: Line, limits: list[Limit], marks: list[Mark]
) -> Chart:
    grid = charts.grid_of(span.start, span.end, band.level)
    counts = line.key == "instances"
    line.values = charts.column(
        [Point(p.time, float(p.count) if counts else p.mean, p.min, p.max, p.count) for p in band.points], grid
    )
    return Chart(key, title, str(unit), grid, span, [line], limits, marks)


def marks_of(place: ServiceEnvironment, span: Range) -> list[Mark]:
    first, last = (datetime.fromtimestamp(at, UTC) for at in (span.start, span.end))
    held = ScalingDecision.objects.filter(place=place, time__gte=first, time__lte=last)  # visible: as the place is
    rows = held[:MOST_MARKS]  # newest first
    found = []
    for row in rows:
        url = f"/releases/{row.deployment_id}/" if row.deployment_id else ""
        label = f"{row.before} → {row.after}: {words.say(Reason.of(row.reason))}"
        found.append(Mark(row.time.timestamp(), "release" if row.after != row.before else "limits", label, url))
    return found
