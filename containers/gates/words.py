"""Rules, numbers and verdicts of gates in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.gates.judge import Finding, Numbers, Rule
from containers.gates.shape import title_of, unit_of


def number(value: float | None, unit: str) -> str:
    """«0.35 cores», «12 %», «–»."""
    if value is None:
        return "–"
    digits = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{digits}{unit}" if unit.startswith("/") else f"{digits} {unit}".strip()


def rule_words(rule: Rule) -> str:
    """«CPU in cores: at most 50 % above the old instances, 0.1 cores more are always allowed»."""
    unit = unit_of(rule.metric)[0]
    values = {"metric": title_of(rule.metric), "limit": number(rule.limit, unit), "percent": f"{rule.limit:g}"}
    above = rule.worse == "above"
    if rule.compare == "bound":
        words = _("%(metric)s: at most %(limit)s") if above else _("%(metric)s: at least %(limit)s")
    elif rule.compare == "old":
        words = (
            _("%(metric)s: at most %(percent)s %% above the old instances")
            if above
            else _("%(metric)s: at most %(percent)s %% below the old instances")
        )
    else:
        words = (
            _("%(metric)s: at most %(percent)s %% above its own past")
            if above
            else _("%(metric)s: at most %(percent)s %% below its own past")
        )
    said = words % values
    if rule.compare != "bound" and rule.margin:
        said = _("%(words)s; a difference of %(margin)s is always allowed") % {
            "words": said,
            "margin": number(rule.margin, unit),
        }
    return said


def finding_words(rule: Rule, numbers: Numbers, found: Finding) -> str:
    """Why this rule is in the way (or is not), with its numbers."""
    unit = unit_of(rule.metric)[0]
    values = {
        "metric": title_of(rule.metric),
        "new": number(numbers.new.value, unit),
        "base": number(numbers.base.value, unit),
        "limit": number(found.limit, unit),
        "problem": numbers.problem,
    }
    if found.state == "missing":
        values["least"] = str(rule.samples)
        values["samples"] = _samples(rule, numbers)
        if numbers.problem:
            return _("%(metric)s: not measured (%(problem)s)") % values
        return _("%(metric)s: not measured (%(samples)s; %(least)s are needed)") % values
    if rule.compare == "bound":
        return _("%(metric)s: %(new)s, allowed is %(limit)s") % values
    if numbers.basis == "old":
        return _("%(metric)s: %(new)s, the old instances %(base)s, allowed is %(limit)s") % values
    return _("%(metric)s: %(new)s, before the release %(base)s, allowed is %(limit)s") % values


def _samples(rule: Rule, numbers: Numbers) -> str:
    new = numbers.new.samples or 0
    said = ngettext("%(n)d sample of the new ones", "%(n)d samples of the new ones", new) % {"n": new}
    if rule.compare == "bound":
        return said
    return _("%(new)s, %(n)d of what they are compared with") % {"new": said, "n": numbers.base.samples or 0}


def basis_words(basis: str) -> str:
    words: dict[str, Any] = {
        "old": _("old instances, now"),
        "past": _("the same instances before the release"),
        "before": _("before the release: no old instance is left that has traffic"),
        "none": _("nothing to compare with: there was no instance before"),
    }
    return str(words.get(basis, ""))
