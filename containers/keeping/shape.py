"""A place's policy of snapshots, read from JSON with every mistake named. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
EVERY = (0, 1, 2, 3, 4, 6, 8, 12, 24)  # divisors of a day: the times of day stay the same
MOST_KEPT = 1000
BOUNDS = {
    "keep_last": (1, MOST_KEPT),
    "keep_hourly": (0, MOST_KEPT),
    "keep_daily": (0, MOST_KEPT),
    "keep_weekly": (0, MOST_KEPT),
    "most_still": (1, 3600),
}


@dataclass(frozen=True)
class Policy:
    """`every`: hours between two snapshots, counted from `at` (UTC); 0: none by themselves. Kept are the newest `keep_last`, and
    the newest one of each of so many hours, days and weeks (UTC) in which there is one. `release`: one before each release; `back`: a
    release that goes back puts it back, unless somebody says otherwise.
    `most_still`: seconds that an instance may stand still for one; then it goes on and there is none.
    """

    every: int = 0
    at: str = "03:00"
    keep_last: int = 3
    keep_hourly: int = 0
    keep_daily: int = 7
    keep_weekly: int = 0
    release: bool = True
    back: bool = False
    most_still: int = 60

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


USUAL = Policy()


def parse(data: Any) -> Policy:
    """What is left out is as usual. Raises Refused with the field."""
    values = read(data, {one.name for one in fields(Policy)}, BOUNDS)
    for name in ("release", "back"):
        if name in data:
            values[name] = data[name]
            if not isinstance(data[name], bool):
                raise Refused(_("It must be true or false."), name, 400)
    return Policy(**values)


def read(data: Any, known: Collection[str], bounds: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """What rules of snapshots and of backups have in common: whole numbers within `bounds`, `every`, `at`; nothing that is not `known`.
    Raises Refused with the field.
    """
    if not isinstance(data, Mapping):
        raise Refused(_("It must be an object."), "", 400)
    unknown = sorted(str(key) for key in data if key not in known)
    if unknown:
        raise Refused(_("There is no setting «%(name)s».") % {"name": unknown[0][:60]}, unknown[0][:60], 400)
    values: dict[str, Any] = {name: whole(data[name], name, *ends) for name, ends in bounds.items() if name in data}
    if "every" in data:
        values["every"] = whole(data["every"], "every", 0, 24)
        if values["every"] not in EVERY:
            words = _("A day is divided evenly: every %(choices)s hours, or 0 for none automatically.")
            raise Refused(words % {"choices": ", ".join(map(str, EVERY[1:]))}, "every", 400)
    if "at" in data:
        values["at"] = data["at"]
        if not isinstance(data["at"], str) or not TIME.fullmatch(data["at"]):
            raise Refused(_("Write a time of day, such as 03:00."), "at", 400)
    return values


def whole(value: Any, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(_("A whole number from %(low)s to %(high)s.") % {"low": low, "high": high}, name, 400)
    return value
