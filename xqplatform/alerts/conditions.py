"""A rule's condition as limits that `judge` understands, and in words. Pure."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.alerts.judge import GAP, Limits
from xqplatform.alerts.models import Rule
from xqplatform.metrics.catalogue import split as device_of

__all__ = ["C", "device_of", "limits_of", "number", "span", "words"]
C = Rule.Condition


def limits_of(rule: Rule, *, unit: str = "", gap: float = GAP) -> Limits:
    """`unit`: of the rule's state source; one without a unit holds or does not."""
    yes_or_no = rule.condition in {C.ABSENT, C.STATE} or (rule.source and not unit)
    if yes_or_no:
        threshold = clear = 0.5
    else:
        threshold = rule.threshold
        clear = rule.threshold if rule.clear is None else rule.clear
    return Limits(
        threshold=threshold,
        clear=clear,
        above=yes_or_no or rule.condition != C.BELOW,
        hold=0 if rule.condition == C.RISE else rule.hold,  # the time is the one in which it rises
        clear_hold=rule.clear_hold,
        gap=gap,
        silence_resolves=rule.silence_resolves,
    )


UNITS = {"days": gettext_lazy("days"), "seconds": gettext_lazy("seconds"), "cores": gettext_lazy("cores")}


def number(value: float, unit: str) -> str:
    """The value with its unit, as short as it reads."""
    if unit in {"bytes", "bytes/s"}:
        for name in ("B", "KiB", "MiB", "GiB", "TiB"):
            if abs(value) < 1024 or name == "TiB":
                return f"{value:.3g} {name}" + ("/s" if unit == "bytes/s" else "")
            value /= 1024
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return {"percent": f"{text} %", "count": text, "": text, "per s": f"{text}/s", "ratio": f"{100 * value:.3g} %"}.get(
        unit, f"{text} {UNITS.get(unit, unit)}"
    )


def span(seconds: float) -> str:
    """«30 s», «5 min», «2 h»."""
    if seconds % 86400 == 0 and seconds:
        return _("%(n)d d") % {"n": seconds / 86400}
    if seconds % 3600 == 0 and seconds:
        return _("%(n)d h") % {"n": seconds / 3600}
    if seconds % 60 == 0 and seconds:
        return _("%(n)d min") % {"n": seconds / 60}
    return _("%(n)d s") % {"n": seconds}


def words(rule: Rule, title: Any, unit: str = "") -> str:
    """The condition for people: «Working set > 90 % for 5 min»."""
    shown = "percent" if rule.condition == C.LIMIT else unit
    given = {"what": title, "n": number(rule.threshold, shown), "time": span(rule.hold)}
    if rule.condition == C.ABSENT:
        return _("%(what)s: no data for %(time)s") % given
    if rule.condition == C.RISE:
        return _("%(what)s rises by more than %(n)s within %(time)s") % given
    if rule.source and not unit:
        text = "%(what)s"
    elif rule.condition == C.BELOW:
        text = "%(what)s < %(n)s"
    elif rule.condition == C.LIMIT:
        text = _("%(what)s > %(n)s of its limit")
    else:
        text = "%(what)s > %(n)s"
    return (text % given) + (_(" for %(time)s") % given if rule.hold else "")
