"""Charts and sparklines as SVG, drawn on the server: the first paint, and all there is without scripts. Pure."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from xqplatform.metrics import ranges, units
from xqplatform.metrics.charts import Chart, Limit, Values
from xqplatform.shares import share

WIDTH, HEIGHT = 1000, 1000  # stretched to the place it gets; strokes keep their width


def runs(values: Sequence[float | None]) -> list[tuple[int, int]]:
    """Stretches without a gap, as (first, last)."""
    found: list[tuple[int, int]] = []
    start = -1
    for place, value in enumerate(values):
        if value is None:
            if start >= 0:
                found.append((start, place - 1))
            start = -1
        elif start < 0:
            start = place
    if start >= 0:
        found.append((start, len(values) - 1))
    return found


@functools.lru_cache(maxsize=64)
def across(first: float, step: float, count: int) -> tuple[str, ...]:
    """The x of each place, as it stands in a path: all charts of a page share them."""
    return tuple(f"{first + n * step:.0f}" for n in range(count))


def _points(values: Values, xs: Sequence[str], scale: float, height: float, run: tuple[int, int]) -> list[str]:
    first, last = run
    return [f"{xs[n]} {height - (values[n] or 0.0) * scale:.0f}" for n in range(first, last + 1)]


def path(values: Values, xs: Sequence[str], top: float, height: float = HEIGHT) -> str:
    """A line through the values; each gap begins it anew, and a single value between gaps is a dot."""
    scale = height / top if top > 0 else 0.0
    pieces: list[str] = []
    for first, last in runs(values):
        at = _points(values, xs, scale, height, (first, last))
        pieces.append("M" + "L".join(at) + ("h1" if first == last else ""))
    return "".join(pieces)


def area(low: Values | None, high: Values, xs: Sequence[str], top: float, height: float = HEIGHT) -> str:
    """What lies between two lines, or between one and zero."""
    scale = height / top if top > 0 else 0.0
    pieces = []
    for first, last in runs(high):
        over = "L".join(_points(high, xs, scale, height, (first, last)))
        if low is None:
            pieces.append(f"M{over}V{height:.0f}H{xs[first]}Z")
        else:
            under = _points(low, xs, scale, height, (first, last))
            pieces.append(f"M{over}L{'L'.join(reversed(under))}Z")
    return "".join(pieces)


def level(value: float, top: float) -> str:
    """A line from side to side."""
    return f"M0 {round(HEIGHT - value / top * HEIGHT)}H{WIDTH}"


def chart(one: Chart) -> SafeString:
    """The picture with the words of its axes beside it; the template's CSS puts both where uPlot will put them."""
    steps = one.steps
    top = steps[-1]
    wide = WIDTH / one.range.seconds
    xs = across((one.grid.time(0) - one.range.start) * wide, one.grid.step * wide, one.grid.count)
    parts = [("xqc-line", level(step, top)) for step in steps]
    for line in one.lines:
        if line.high is not None and line.low is not None:
            parts.append((f"xqc-band c-{line.colour}", area(line.low, line.high, xs, top)))
        elif line.fill:
            parts.append((f"xqc-band c-{line.colour}", area(None, line.values, xs, top)))
    for line in sorted(one.lines, key=lambda one: not one.thin):  # the mean lies on top of the many
        thin = " thin" if line.thin else ""
        parts.append((f"xqc-curve{thin} c-{line.colour}", path(line.values, xs, top)))
    parts += [("xqc-limit", level(limit.value, top)) for limit in one.limits if limit.value <= top]
    return frame(parts, summary(one), y_words(one.unit, steps), x_words(one))


def frame(parts: Sequence[tuple[str, str]], summary: str, y: SafeString, x: SafeString) -> SafeString:
    """Paths (class, path) with the words of both axes beside them."""
    return format_html(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
        '<div class="xqc-y" aria-hidden="true">{}</div><div class="xqc-x" aria-hidden="true">{}</div>',
        WIDTH,
        HEIGHT,
        summary,
        format_html_join("", '<path class="{}" d="{}"/>', parts),
        y,
        x,
    )


def y_words(unit: str, steps: Sequence[float]) -> SafeString:
    scale, top = units.scale(unit, steps[-1]), steps[-1]
    rows = [
        (
            share("t", 100 - 100 * step / top),
            units.number(step / scale.divisor),
            f" {units.on_axis(scale)}" if step == top else "",
        )
        for step in steps
    ]
    return format_html_join("", '<span class="{}">{}{}</span>', rows)


def x_words(one: Chart) -> SafeString:
    rows = [
        (share("l", one.at(time)), ranges.words(time, one.range.seconds))
        for time in ranges.ticks(one.range.start, one.range.end)
        if 2 <= one.at(time) <= 98
    ]
    return format_html_join("", '<span class="{}">{}</span>', rows)


def summary(one: Chart) -> str:
    """The chart in a sentence, for those who do not see it."""
    if one.empty:
        return _("%(title)s: no samples in this range") % {"title": one.title}
    parts = [
        _("%(line)s last %(last)s, highest %(top)s")
        % {"line": line.label, "last": units.shown(line.last, one.unit), "top": units.shown(line.top, one.unit)}
        for line in one.lines[:8]
    ]
    return f"{one.title}: {'; '.join(parts)}"


@dataclass(frozen=True)
class Spark:
    """A small line in a table's cell, with its last value beside it."""

    label: str
    unit: str
    values: Values
    last: float | None = None
    colour: str = "cpu"
    limit: float | None = None

    @property
    def top(self) -> float:
        return max((v for v in self.values if v is not None), default=0.0)


SPARK_WIDTH, SPARK_HEIGHT = 120, 24


def sparkline(one: Spark | None) -> SafeString:
    """The line from zero to its highest value (or its limit, when near); a dash where there is no sample at all."""
    if not one or all(v is None for v in one.values):
        return format_html('<span class="xqc-spark none" title="{}">–</span>', _("no samples in the last hour"))
    limit = one.limit if one.limit and one.top >= 0.4 * one.limit else None
    top = max(one.top, limit or 0.0) * 1.08 or 1.0
    step = SPARK_WIDTH / max(1, len(one.values) - 1)
    xs = across(0.0, step, len(one.values))
    last = next((v for v in reversed(one.values) if v is not None), None) if one.last is None else one.last
    shown = units.shown(last, one.unit)
    words = _("%(label)s: %(last)s now, %(top)s at most in the last hour") % {
        "label": one.label,
        "last": shown,
        "top": units.shown(one.top, one.unit),
    }
    parts = [(f"xqc-band c-{one.colour}", area(None, one.values, xs, top, SPARK_HEIGHT))]
    if limit:
        parts.append(("xqc-limit", f"M0 {round(SPARK_HEIGHT - limit / top * SPARK_HEIGHT, 1)}H{SPARK_WIDTH}"))
    parts.append((f"xqc-curve c-{one.colour}", path(one.values, xs, top, SPARK_HEIGHT)))
    return format_html(
        '<span class="xqc-spark" title="{0}"><svg viewBox="0 0 {1} {2}" preserveAspectRatio="none" role="img" '
        'aria-label="{0}">{3}</svg><b>{4}</b></span>',
        words,
        SPARK_WIDTH,
        SPARK_HEIGHT,
        format_html_join("", '<path class="{}" d="{}"/>', parts),
        shown,
    )


def limit_words(limit: Limit, unit: str) -> str:
    return f"{limit.label} {units.shown(limit.value, unit)}"
