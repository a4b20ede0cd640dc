"""Tags that draw: `{% chart one %}`, `{% sparkline spark %}`, `{% value number "bytes" %}`. Every template has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from xqplatform.metrics import ranges, svg, units
from xqplatform.metrics.charts import Chart
from xqplatform.web.templatetags.xq import ago

register = template.Library()


@register.inclusion_tag("metrics/_chart.html")
def chart(one: Chart, query: str = "", lives: bool = True) -> dict[str, Any]:
    """A figure: title, last value, picture, legend, table, and the data for static/charts.js."""
    line = one.first_line
    return {
        "chart": one,
        "query": query or one.range.query,
        "last": units.shown(line.last, one.unit) if line else "–",
        "unit": units.name(one.unit),
        "svg": "" if one.empty else svg.chart(one),
        "table": "" if one.empty else _table(one),
        "limits": [svg.limit_words(limit, one.unit) for limit in one.limits],
        "keys": [(line, units.shown(line.last, one.unit)) for line in one.lines],
        "data": one.as_json(),
        "lives": one.shown_lives if lives else [],
    }


def _table(one: Chart) -> SafeString:
    """Times down, lines across, a dozen rows: what somebody who does not see the picture gets of it."""
    scale = units.scale(one.unit, one.top)
    lines = one.lines[:8]
    head = format_html_join("", '<th class="num">{} [{}]</th>', ((line.label, scale.unit or "–") for line in lines))
    rows = format_html_join(
        "",
        "<tr><th>{}</th>{}</tr>",
        (
            (
                ranges.exact(time),
                format_html_join(
                    "",
                    '<td class="num">{}</td>',
                    (("–" if v is None else units.number(v / scale.divisor),) for v in values[: len(lines)]),
                ),
            )
            for time, values in one.rows()
        ),
    )
    return format_html("<thead><tr><th></th>{}</tr></thead><tbody>{}</tbody>", head, rows)


@register.simple_tag
def sparkline(one: svg.Spark | None) -> SafeString:
    return svg.sparkline(one)


@register.simple_tag
def value(number: float | None, unit: str) -> str:
    """A number of a metric with its unit."""
    return units.shown(number, unit)


@register.inclusion_tag("metrics/_range.html", takes_context=True)
def time_range(context: dict[str, Any]) -> dict[str, Any]:
    """The page's one time range: buttons, from and to, earlier, later, wider."""
    return {"control": context["control"], "kept": context.get("kept", [])}


@register.simple_tag
def moment_ago(seconds: float | None) -> SafeString | str:
    """Unix seconds as relative time, the exact one on hover."""
    return ago(datetime.fromtimestamp(seconds, tz=UTC) if seconds else None)
