"""How much of a group's hosts may be promised: what is typed, checked."""

from __future__ import annotations

import math
from typing import Any

from django.utils.translation import gettext as _

from hosts.models import HostGroup
from xqplatform.errors import Refused

# Name → the least and the most. CPUs in cores, memory in bytes; an overcommit below one leaves a part of each host free.
LIMITS = {
    "reserve_cpus": (0, 4096),
    "reserve_memory": (0, 1 << 50),
    "overcommit_cpus": (0.1, 100),
    "overcommit_memory": (0.1, 100),
}


def clean(name: str, value: Any) -> float | int:
    """The number; the field's default for None. Raises Refused with the field."""
    if value is None or value == "":
        default: float = getattr(HostGroup(), name)
        return default
    low, high = LIMITS[name]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not low <= number <= high:
        raise Refused(_("It must lie between %(low)g and %(high)g.") % {"low": low, "high": high}, name, 400)
    return int(number) if name == "reserve_memory" else number
