"""Tags that draw: `{% chart one %}`, `{% sparkline spark %}`, `{% value number "bytes" %}`. Every template has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.safestring import SafeString

from xqplatform.metrics import svg, units
from xqplatform.metrics.charts import Chart
from xqplatform.metrics.figure import context_of
from xqplatform.web.templatetags.xq import ago

register = template.Library()


@register.inclusion_tag("metrics/_chart.html")
def chart(one: Chart) -> dict[str, Any]:
    """A figure: title, last value, picture, legend, table, and the data for static/charts.js."""
    return context_of(one)


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
