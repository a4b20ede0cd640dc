"""A policy from a form, a file or an API body: what cannot be is refused beside its field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import time
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from containers.scaling.shape import CLOSE, OPEN, Forecast, Load, MarketPoint, Policy, WeekPoint
from xqplatform.errors import Refused
from xqplatform.metrics import catalogue

MOST_INSTANCES = 500
MOST_LINES = 12
MOST_LOADS = 3  # as many as the page has room for: what it does not show it would take away
MINUTES = 24 * 60
HIGHEST = 1e12
NUMBERS: dict[str, tuple[int, int, int]] = {  # default, lowest, highest
    "tolerance": (10, 0, 90),
    "over": (60, 4, 1800),
    "window": (300, 0, 24 * 3600),
    "most_up": (300, 1, 10_000),
    "most_down": (50, 1, 100),
}
zones = cache(available_timezones)  # else some hundred files are opened for each policy
FIELDS = {"least", "most", "loads", "market", "week", "zone", "forecast", "enabled", "dry", *NUMBERS}


def parse(data: Any) -> Policy:
    """The policy that is written down here. Raises Refused with the field."""
    if not isinstance(data, Mapping):
        raise Refused(_("The policy must be an object."), "policy", 400)
    for key in data:
        if key not in FIELDS:
            raise Refused(_("There is no setting «%(name)s».") % {"name": str(key)[:40]}, "policy", 400)
    least = whole(data.get("least", 1), "least", 1, MOST_INSTANCES)
    most = whole(data.get("most", least), "most", 1, MOST_INSTANCES)
    if least > most:
        raise Refused(
            _("The most (%(most)d) is below the least (%(least)d).") % {"most": most, "least": least}, "most", 400
        )
    zone = str(data.get("zone") or "UTC")
    if zone not in zones():
        raise Refused(_("There is no such time zone."), "zone", 400)
    loads = tuple(_load(one) for one in _lines(data, "loads", MOST_LOADS))
    if len({one.metric for one in loads}) < len(loads):
        raise Refused(_("One metric has one target."), "loads", 400)
    policy = Policy(
        least=least,
        most=most,
        loads=loads,
        market=tuple(_market(one, least, most) for one in _lines(data, "market")),
        week=tuple(_week(one, least, most) for one in _lines(data, "week")),
        zone=zone,
        forecast=_forecast(data.get("forecast"), loads),
        enabled=_truth(data, "enabled", True),
        dry=_truth(data, "dry", False),
        **{name: whole(data.get(name, usual), name, low, high) for name, (usual, low, high) in NUMBERS.items()},
    )
    if not (policy.loads or policy.market or policy.week):
        raise Refused(_("Say by what it grows: a load, or a point of a calendar or of the week."), "loads", 400)
    return policy


def to_json(policy: Policy) -> dict[str, Any]:
    """As `parse` reads it."""
    content = asdict(policy)
    for line in content["week"]:
        line["at"] = line["at"].isoformat("minutes")
        line["days"] = list(line["days"])
    return content | {name: list(content[name]) for name in ("loads", "market", "week")}


def whole(value: Any, field: str, low: int, high: int) -> int:
    """A whole number within its bounds. Raises Refused."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(_("A number from %(low)s to %(high)s.") % {"low": low, "high": high}, field, 400)
    return value


def _truth(data: Mapping[str, Any], field: str, usual: bool) -> bool:
    value = data.get(field, usual)
    if not isinstance(value, bool):
        raise Refused(_("Yes or no."), field, 400)
    return value


def _lines(data: Mapping[str, Any], field: str, most: int = MOST_LINES) -> list[Mapping[str, Any]]:
    lines = data.get(field) or []
    if not isinstance(lines, list) or len(lines) > most or not all(isinstance(one, Mapping) for one in lines):
        raise Refused(_("A list of at most %(n)d entries.") % {"n": most}, field, 400)
    return lines


def _load(line: Mapping[str, Any]) -> Load:
    metric, target = str(line.get("metric") or ""), line.get("target")
    known = metric in {one.name for one in catalogue.of("instance")}
    own = metric.startswith(catalogue.APP) and 0 < len(metric) - len(catalogue.APP) <= 120 and metric.isprintable()
    if not (known or own):
        raise Refused(_("There is no metric «%(name)s» of instances.") % {"name": metric[:60]}, "loads", 400)
    # Not a number, and what is too large for a float, are no more than HIGHEST either.
    if isinstance(target, bool) or not isinstance(target, int | float) or not 0 < target <= HIGHEST:
        raise Refused(_("A target is a number above 0."), "loads", 400)
    return Load(metric, float(target))


def _market(line: Mapping[str, Any], least: int, most: int) -> MarketPoint:
    if line.get("anchor") not in {OPEN, CLOSE}:
        raise Refused(_("Choose one of: %(choices)s.") % {"choices": f"{OPEN}, {CLOSE}"}, "market", 400)
    slug = str(line.get("calendar") or "")
    if not 1 <= len(slug) <= 40 or not slug.isprintable():
        raise Refused(_("Choose a calendar."), "market", 400)
    minutes = whole(line.get("minutes", 0), "market", -MINUTES, MINUTES)
    return MarketPoint(slug, str(line["anchor"]), minutes, whole(line.get("instances"), "market", least, most))


def _week(line: Mapping[str, Any], least: int, most: int) -> WeekPoint:
    days = line.get("days")
    if not isinstance(days, list) or not days or not all(type(day) is int and 0 <= day <= 6 for day in days):
        raise Refused(_("Choose the days of the week."), "week", 400)
    try:
        at = time.fromisoformat(str(line.get("at") or ""))
    except ValueError:
        raise Refused(_("A time is written so: 09:30."), "week", 400) from None
    if at.tzinfo is not None:
        raise Refused(_("A time is written so: 09:30."), "week", 400)
    at = at.replace(second=0, microsecond=0)
    return WeekPoint(tuple(sorted(set(days))), at, whole(line.get("instances"), "week", least, most))


def _forecast(line: Any, loads: tuple[Load, ...]) -> Forecast | None:
    if line is None:
        return None
    if not isinstance(line, Mapping):
        raise Refused(_("A forecast is an object."), "forecast", 400)
    metric = str(line.get("metric") or (loads[0].metric if loads else ""))
    if metric not in {one.metric for one in loads}:
        raise Refused(_("A forecast is of a metric that has a target here."), "forecast", 400)
    return Forecast(
        metric,
        whole(line.get("weeks", 4), "forecast", 1, 12),
        whole(line.get("minutes", 15), "forecast", 0, 240),
        whole(line.get("margin", 10), "forecast", 0, 500),
    )
