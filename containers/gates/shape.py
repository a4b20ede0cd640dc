"""Rules of gates as data: what people and programs send, what is stored, and in which unit a metric's numbers are. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.gates.judge import Rule
from xqplatform.errors import Refused
from xqplatform.metrics import catalogue

SLOPE, RESTARTS, ERRORS = "memory.slope", "restarts", "log.errors"  # what is not simply a mean of samples
OWN = {
    SLOPE: gettext_lazy("Growth of memory (working set)"),
    RESTARTS: gettext_lazy("Restarts an instance"),
    ERRORS: gettext_lazy("Error lines in the log, a minute and instance"),
}
CHOICES: dict[str, dict[str, Any]] = {
    "compare": {
        "old": gettext_lazy("the old instances, now"),
        "past": gettext_lazy("the same instances before the release"),
        "bound": gettext_lazy("a fixed limit"),
    },
    "worse": {"above": gettext_lazy("higher is worse"), "below": gettext_lazy("lower is worse")},
    "broken": {"hold": gettext_lazy("hold"), "roll back": gettext_lazy("roll back")},
    "missing": {"hold": gettext_lazy("hold"), "pass": gettext_lazy("go on")},
}
MOST_RULES, MOST_SETTLE = 20, 3600
NUMBERS = {"watch": (10, 14_400), "samples": (1, 10_000)}
MOST_PERCENT, MOST_NUMBER = 100_000.0, 1e15
NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_.:*-]*(?:\[[A-Za-z0-9_.:/=,*-]{1,80}\])?")
DEFAULTS: tuple[Rule, ...] = (
    Rule("cpu.cores", "old", 50, 0.1),
    Rule(SLOPE, "old", 100, 2, watch=180, samples=9),
    Rule(RESTARTS, "bound", 0, broken="roll back"),
    Rule(ERRORS, "old", 100, 2),
)


def unit_of(metric: str) -> tuple[str, float]:
    """The word of the unit in which its numbers are written, and what one of it is in the store's."""
    if metric == SLOPE:
        return "MiB/min", float(1 << 20)
    if metric == ERRORS:
        return "/min", 1.0
    if metric == RESTARTS:
        return "", 1.0
    unit = catalogue.find(metric).unit
    known = {"bytes": ("MiB", float(1 << 20)), "bytes/s": ("MiB/s", float(1 << 20)), "ratio": ("%", 0.01)}
    known |= {"percent": ("%", 1.0), "seconds": ("ms", 0.001), "per s": ("/s", 1.0), "count": ("", 1.0)}
    return known.get(unit, (str(unit), 1.0))


def title_of(metric: str) -> str:
    base, device = catalogue.split(metric)
    own = OWN.get(base)
    title = str(own) if own is not None else str(catalogue.find(metric).title)
    return f"{title} [{device}]" if device else title


def parse(data: Any, field: str = "") -> Rule:
    """A rule as it may be. Raises Refused with the field, such as `rules.0.metric`."""
    if not isinstance(data, Mapping):
        raise Refused(_("A rule is an object."), field or None, 400)
    unknown = set(data) - set(Rule.__dataclass_fields__)
    if unknown:
        raise Refused(_("There is no such setting: «%(name)s».") % {"name": min(map(str, unknown))[:60]}, field, 400)
    values = asdict(Rule("")) | dict(data)
    at = f"{field}." if field else ""
    values["metric"] = _metric(values["metric"], f"{at}metric")
    for name, choices in CHOICES.items():
        if not isinstance(values[name], str) or values[name] not in choices:
            words = _("Choose one of: %(choices)s.") % {"choices": ", ".join(choices)}
            raise Refused(words, f"{at}{name}", 400)
    for name, (low, high) in NUMBERS.items():
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Refused(_("A number from %(low)s to %(most)s.") % {"low": low, "most": high}, f"{at}{name}", 400)
    percent = values["compare"] != "bound"
    least, most = (0.0, MOST_PERCENT) if percent else (-MOST_NUMBER, MOST_NUMBER)
    values["limit"] = _number(values["limit"], least, most, f"{at}limit")
    values["margin"] = _number(values["margin"], 0.0, MOST_NUMBER, f"{at}margin")
    return Rule(**values)


def _metric(value: Any, field: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > 120 or not NAME.fullmatch(text):
        words = _("The name of a metric, such as cpu.cores, log.errors or app.http_requests.rate[code=5*].")
        raise Refused(words, field, 400)
    base, device = catalogue.split(text)
    known = next((one for one in catalogue.METRICS if one.name == base), None)
    if base in OWN or base.startswith(catalogue.APP):
        return text
    if known is None or "instance" not in known.subjects or (known.device and not device):
        words = _("Instances have no metric «%(name)s»; an application's own begins with app.")
        raise Refused(words % {"name": text}, field, 400)
    return text


def _number(value: Any, low: float, high: float, field: str) -> float:
    wrong = isinstance(value, bool) or not isinstance(value, int | float)
    # (A whole number of thousands of digits is too large for a float: it is compared before it is made one.)
    if wrong or (isinstance(value, float) and not math.isfinite(value)) or not low <= value <= high:
        raise Refused(_("A number from %(low)s to %(most)s.") % {"low": f"{low:g}", "most": f"{high:g}"}, field, 400)
    return float(value)


def parse_all(data: Any, field: str = "rules") -> list[Rule]:
    """A whole list of them, none twice. Raises Refused."""
    if not isinstance(data, list | tuple):
        raise Refused(_("The rules are a list."), field, 400)
    if len(data) > MOST_RULES:
        raise Refused(_("At most %(n)d rules.") % {"n": MOST_RULES}, field, 400)
    found = [parse(one, f"{field}.{n}") for n, one in enumerate(data)]
    if len(set(found)) < len(found):
        raise Refused(_("The same rule is there twice."), field, 400)
    return found


def to_json(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    return [asdict(rule) for rule in rules]


def of_json(data: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """What `to_json` made and the database kept."""
    return [Rule(**one) for one in data]


def mark_of(rule: Rule) -> str:
    """By which a page names a rule: not by its place in the list, which may be another one by then."""
    text = json.dumps(asdict(rule), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
