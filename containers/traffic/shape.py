"""How a service's instances are taken out of traffic and put back, read from JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

WAYS = ("none", "hooks", "nginx")
ON_FAILURE = ("hold", "fail")
LONGEST_DRAIN = 900.0
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")


@dataclass(frozen=True)
class Traffic:
    """`way` «hooks»: those at traffic.out and traffic.in do it; «nginx»: the front's upstream file does.

    `drain`: seconds at most between the taking out and the stop; with nginx it ends earlier when its old workers have gone.
    """

    way: str = "none"
    front: str = ""  # the name of the nginx front
    port: int = 80  # of the instances
    drain: float = 10
    on_failure: str = "hold"  # of nginx: hold and try on, or fail the step

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def read(data: Any) -> Traffic:
    """Raises Refused with the field («traffic.front»)."""
    if data is None:
        return Traffic()
    if not isinstance(data, Mapping):
        raise Refused(_("It must be an object."), "traffic", 400)
    if unknown := set(data) - {one.name for one in fields(Traffic)}:
        raise Refused(_("There is no setting «%(name)s».") % {"name": min(map(str, unknown))}, "traffic", 400)
    way = data.get("way") or "none"
    if way not in WAYS:
        raise _refuse("way", _("Choose one of: %(choices)s.") % {"choices": ", ".join(WAYS)})
    front = data.get("front") or ""
    if not isinstance(front, str) or (front and not SLUG.fullmatch(front)):
        raise _refuse("front", _("This is no name of an nginx front."))
    if way == "nginx" and not front:
        raise _refuse("front", _("Choose the nginx front."))
    on_failure = data.get("on_failure") or "hold"
    if on_failure not in ON_FAILURE:
        raise _refuse("on_failure", _("Choose one of: %(choices)s.") % {"choices": ", ".join(ON_FAILURE)})
    port = _number(data, "port", 1, 65535, 80)
    if port != int(port):
        raise _refuse("port", _("It must be a whole number."))
    return Traffic(way, front, int(port), _number(data, "drain", 0, LONGEST_DRAIN, 10), on_failure)


def _refuse(name: str, message: str) -> Refused:
    return Refused(message, f"traffic.{name}", 400)


def _number(data: Mapping[str, Any], name: str, low: float, high: float, default: float) -> float:
    value = data.get(name)
    if value in (None, ""):
        return default
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _refuse(name, _("«%(value)s» is not a number.") % {"value": value}) from None
    if not low <= number <= high:
        raise _refuse(name, _("It must lie between %(low)g and %(high)g.") % {"low": low, "high": high})
    return number
