"""A fit as a picture: what was measured as dots, the line through them with its error, and where the asked load would be. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from containers.capacity.robust import Line
from xqplatform.metrics import svg, units
from xqplatform.shares import share

PLACES = 40  # points of the line and its band


@dataclass(frozen=True)
class Scatter:
    """`at`: an instance's share of the asked load; `limit`: what one may use, 0 for none. Units as the catalogue of metrics has them."""

    title: str
    unit: str
    load_unit: str
    colour: str
    xs: Sequence[float]
    ys: Sequence[float]
    line: Line
    at: float | None = None
    limit: float = 0.0

    @property
    def right(self) -> float:
        return units.steps(self.load_unit, max([*self.xs, self.at or 0.0]) * 1.02)[-1]

    @property
    def steps(self) -> list[float]:
        top = max([*self.ys, self.line.at(self.at) + self.line.error(self.at) if self.at is not None else 0.0])
        if self.limit and self.limit < 2.5 * top:
            top = max(top, self.limit)
        return units.steps(self.unit, top * 1.05)

    @property
    def picture(self) -> SafeString:
        return draw(self)

    @property
    def each(self) -> str:
        """So much load that what it costs reads well: 1, 10, 100 …"""
        return units.number(self._each)

    @property
    def _each(self) -> float:
        least = {"cores": 0.1, "bytes": 1024.0**2}.get(self.unit, 1.0)
        return 10.0 ** max(0, math.ceil(math.log10(least / self.line.slope))) if self.line.slope > 0 else 1.0

    @property
    def each_costs(self) -> float:
        return self._each * self.line.slope

    @property
    def each_error(self) -> float:
        return self._each * self.line.slope_error

    @property
    def at_rest(self) -> float:
        return max(0.0, self.line.base)

    @property
    def summary(self) -> str:
        """In a sentence, for those who do not see it."""
        return _("%(title)s of one instance: %(base)s at rest and %(slope)s for each %(each)s of load; R² %(r2)s") % {
            "title": self.title,
            "base": units.shown(self.at_rest, self.unit),
            "slope": units.shown(self.each_costs, self.unit),
            "each": self.each,
            "r2": f"{self.line.r2:.2f}",
        }


def draw(one: Scatter) -> SafeString:
    """For an `.xqc-svg`: lines of the axis, band, dots, line, limit; the words of both axes beside it."""
    right, steps = one.right, one.steps
    top = steps[-1]
    places = [right * n / (PLACES - 1) for n in range(PLACES)]
    xs = svg.across(0.0, svg.WIDTH / (PLACES - 1), PLACES)

    def cut(value: float) -> float:
        return min(max(value, 0.0), top)

    low: list[float | None] = [cut(one.line.at(x) - one.line.error(x)) for x in places]
    high: list[float | None] = [cut(one.line.at(x) + one.line.error(x)) for x in places]
    dots = "".join(
        f"M{x / right * svg.WIDTH:.0f} {svg.HEIGHT - cut(y) / top * svg.HEIGHT:.0f}h0"
        for x, y in zip(one.xs, one.ys, strict=True)
    )
    parts = [("xqc-line", svg.level(step, top)) for step in steps]
    parts.append((f"xqc-band c-{one.colour}", svg.area(low, high, xs, top)))
    parts.append((f"xqc-dots c-{one.colour}", dots))
    parts.append((f"xqc-curve c-{one.colour}", svg.path([cut(one.line.at(x)) for x in places], xs, top)))
    if 0 < one.limit <= top:
        parts.append(("xqc-limit", svg.level(one.limit, top)))
    if one.at is not None:
        parts.append(("xqc-asked", f"M{one.at / right * svg.WIDTH:.0f} 0V{svg.HEIGHT}"))
    return svg.frame(parts, one.summary, svg.y_words(one.unit, steps), _x_words(one))


def _x_words(one: Scatter) -> SafeString:
    steps = units.steps(one.load_unit, max([*one.xs, one.at or 0.0]) * 1.02)
    scale = units.scale(one.load_unit, steps[-1])
    rows = [(share("l", 100 * step / steps[-1]), units.number(step / scale.divisor)) for step in steps[1:-1]]
    return format_html_join("", '<span class="{}">{}</span>', rows)
