"""Numbers of scorecard and cost, as words; what is not known is a dash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from containers.capacity import bars
from containers.capacity.availability import Budget, Span
from containers.capacity.objectives import Standing
from containers.capacity.scorecard import Score
from xqplatform.metrics import units
from xqplatform.web.templatetags.xq import duration

register = template.Library()


@register.simple_tag
def part(value: float | None, otherwise: str = "–") -> str:
    """A share as per cent: «12.5 %»."""
    return units.shown(value, "ratio", otherwise)


@register.simple_tag
def available(span: Span | None) -> str:
    """«99.95 %»: never rounded up to a hundred."""
    if span is None or span.share is None:
        return "–"
    percent = 100 * span.share
    if span.bad and percent > 99.999:
        return "> 99.999 %"
    return f"{percent:.3f}".rstrip("0").removesuffix(".") + " %"


@register.simple_tag
def rate(value: float | None) -> str:
    """A number a week."""
    return "–" if value is None else f"{value:,.1f}".removesuffix(".0")


@register.simple_tag
def budget_words(budget: Budget | None) -> str:
    """«83 % left (36 min)», or how much too much was used."""
    if budget is None:
        return _("no data yet")
    if budget.left < 0:
        return _("used up: %(time)s too much") % {"time": duration(-budget.seconds)}
    return _("%(share)s left (%(time)s)") % {"share": part(budget.left), "time": duration(budget.seconds)}


@register.simple_tag
def budget_left(standing: Standing) -> SafeString:
    """The same in two short lines, with the target."""
    budget, target = standing.budget, standing.objective.shown if standing.objective else ""
    if budget is None:
        big, bad, small = _("no data yet"), False, ""
    elif budget.left < 0:
        big, bad = _("used up"), True
        small = _("%(time)s too much") % {"time": duration(-budget.seconds)}
    else:
        big, bad, small = part(budget.left), False, duration(budget.seconds)
    parts = " · ".join(one for one in (small, f"{target} %") if one)
    css = "text-bad" if bad else ""
    return format_html('<span class="{}">{}</span><small class="text-secondary d-block">{}</small>', css, big, parts)


@register.simple_tag
def week_bars(score: Score, css: str = "") -> SafeString:
    return bars.weeks(score.bars, css)


@register.simple_tag
def day_bars(days: list[tuple[object, Span]]) -> SafeString:
    return bars.days(days, "wide")  # type: ignore[arg-type]


@register.simple_tag
def money(value: float | None, otherwise: str = "–") -> str:
    """An amount with two digits, grouped."""
    return otherwise if value is None else f"{value:,.2f}"


@register.simple_tag
def part_change(value: float | None) -> str:
    """«+ 12 %»: against what was before."""
    if value is None:
        return "–"
    if round(abs(value), 3) == 0:
        return "± 0 %"
    return f"{'+' if value > 0 else '−'} {part(abs(value))}"


@register.simple_tag
def part_of(value: float | None, whole: float | None) -> str:
    return part(value / whole if whole and value is not None else None)


@register.filter
def month_at(months: Sequence[date], n: int) -> str:
    return f"{months[n]:%Y-%m}"


@register.filter
def plain(amount: Decimal | None) -> str:
    """Without zeros at its end; two digits at least where there are any: «18», «2.50»."""
    if amount is None:
        return "–"
    text = f"{amount.normalize():,f}"
    return f"{amount:,.2f}" if "." in text and len(text.partition(".")[2]) < 2 else text
