"""Runways in words, each with its range; and what a state is as one word."""

from __future__ import annotations

from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from containers.capacity.overview import Ends
from containers.capacity.runway import LEAST, State
from xqplatform.metrics import units

RESOURCES: dict[str, Any] = {
    "cpu": gettext_lazy("CPU"),
    "memory": gettext_lazy("Memory"),
    "disk": gettext_lazy("Disk"),
    "addresses": gettext_lazy("Addresses"),
}
UNITS = {"cpu": "cores", "memory": "bytes", "disk": "bytes", "addresses": "count"}


def ends(one: Ends) -> str:
    """«full in 74 days (52–120)», or why that cannot be told."""
    found = one.found
    numbers = {"soonest": _days(found.soonest), "latest": _days(found.latest), "n": found.measured, "least": LEAST}
    if found.state is State.FULL:
        return _("full")
    if found.state is State.ENDS:
        text = ngettext("full in %(n)d day", "full in %(n)d days", round(found.days or 0)) % {
            "n": round(found.days or 0)
        }
        if found.latest is None:
            return text + " " + _("(%(soonest)s or later)") % numbers
        return text if numbers["soonest"] == numbers["latest"] else text + " " + _("(%(soonest)s–%(latest)s)") % numbers
    if found.state is State.FAR:
        return _("not within three years")
    if found.state is State.STEADY:
        return _("does not grow")
    if found.state is State.NOISY:
        return _("cannot be told: it goes up and down; not before %(soonest)s days") % numbers
    return _("cannot be told: %(n)d days with figures, at least %(least)d are needed") % numbers


def _days(value: float | None) -> str:
    return "–" if value is None else str(round(value))


def growth(one: Ends) -> str:
    """Of a week."""
    slope = one.found.slope
    if slope is None:
        return "–"
    sign = "+" if slope > 0 else "−" if slope < 0 else ""
    return sign + units.shown(abs(slope) * 7, UNITS[one.resource])


def basis(one: Ends) -> str:
    if one.resource == "addresses":
        return _("taken")
    return _("promised") if one.promised else _("used (p95)") if one.resource != "disk" else _("used")


def sentence(one: Ends) -> str:
    """«CPU of Room A (promised): full in 74 days (52–120), about 12 Feb 2027»."""
    values = {"what": str(RESOURCES[one.resource]), "name": one.name, "basis": basis(one), "ends": ends(one)}
    text = _("%(what)s of %(name)s (%(basis)s): %(ends)s") % values
    return text if one.on is None or not one.found.days else f"{text}, {when(one)}"


def when(one: Ends) -> str:
    """The day, for what lies in the future."""
    return _("about %(day)s") % {"day": date_format(one.on, "DATE_FORMAT")} if one.on and one.found.days else ""


def short(one: Ends) -> str:
    """«Room A full in 74 days (52–120)», on a card."""
    return f"{one.name}: {ends(one)}"
