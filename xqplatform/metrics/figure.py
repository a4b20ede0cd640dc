"""A chart as a figure of a page: what templates/metrics/_chart.html shows."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from xqplatform.metrics import ranges, svg, units
from xqplatform.metrics.charts import Chart


def context_of(one: Chart) -> dict[str, Any]:
    """Title, last value, picture, legend, table, and the data for static/charts.js."""
    line = one.first_line
    return {
        "chart": one,
        "query": one.range.query,
        "last": units.shown(line.last, one.unit) if line else "–",
        "unit": units.name(one.unit),
        "svg": "" if one.empty else svg.chart(one),
        "table": "" if one.empty else _table(one),
        "limits": [svg.limit_words(limit, one.unit) for limit in one.limits],
        "keys": [(line, units.shown(line.last, one.unit)) for line in one.lines],
        "data": one.as_json(),
        "lives": one.shown_lives,
    }


def _table(one: Chart) -> SafeString:
    """Times down, lines across, a dozen rows: what somebody who does not see the picture gets of it."""
    scale = units.scale(one.unit, one.top)
    lines = one.lines[:8]
    head = format_html_join("", '<th class="num">{} [{}]</th>', ((line.label, scale.unit or "–") for line in lines))
    rows = []
    for time, values in one.rows():
        shown = (("–" if v is None else units.number(v / scale.divisor),) for v in values[: len(lines)])
        rows.append((ranges.exact(time), format_html_join("", '<td class="num">{}</td>', shown)))
    body = format_html_join("", "<tr><th>{}</th>{}</tr>", rows)
    return format_html("<thead><tr><th></th>{}</tr></thead><tbody>{}</tbody>", head, body)
