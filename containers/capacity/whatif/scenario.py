"""What could be otherwise: changes of the fleet, each a short text that stands in an address, a row and the API alike. Pure.

| text | what |
|---|---|
| `hosts:10:32:128:room-a` | ten more hosts of 32 cores and 128 GiB in a group |
| `lose:h7` | a host goes: lost, or taken away |
| `room:room-a` | all hosts of a group go |
| `grow:snow/production:5` | five more instances |
| `times:snow:2` | twice as many instances of a service everywhere, or with `snow/production` in one environment |
| `new:quotes:20:4:8:production` | a new service: 20 instances of 4 cores and 8 GiB in an environment |
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform.errors import Refused

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}/[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
FIELDS = {
    "hosts": ("count", "cpus", "gib", "group"),
    "lose": ("host",),
    "room": ("group",),
    "grow": ("place", "count"),
    "times": ("target", "factor"),
    "new": ("name", "count", "cpus", "gib", "environment"),
}
MOST = 20  # changes of one scenario
MOST_LENGTH = 250
MOST_COUNT = {"hosts": 2_000, "grow": 10_000, "new": 10_000}
LIMITS = {"cpus": (0.05, 1024.0), "gib": (0.01, 65_536.0), "factor": (1.0, 100.0)}


@dataclass(frozen=True)
class Change:
    """One change, read. `name`: of the host, group, place, service or new service; `where`: the group, or the environment."""

    kind: str
    name: str = ""
    where: str = ""
    count: int = 0
    cpus: float = 0.0
    gib: float = 0.0
    factor: float = 1.0

    def __str__(self) -> str:
        """The text that reads as this change again."""
        values = {
            "count": str(self.count),
            "cpus": f"{self.cpus:g}",
            "gib": f"{self.gib:g}",
            "factor": f"{self.factor:g}",
            "environment": self.where,
            "group": self.where if self.kind == "hosts" else self.name,
        }
        return ":".join([self.kind, *(values.get(field, self.name) for field in FIELDS[self.kind])])

    @property
    def words(self) -> str:
        """For a person."""
        size = {
            "n": self.count,
            "cpus": f"{self.cpus:g}",
            "gib": f"{self.gib:g}",
            "where": self.where,
            "name": self.name,
        }
        if self.kind == "hosts":
            text = ngettext(
                "%(n)d more host of %(cpus)s cores and %(gib)s GiB in %(where)s",
                "%(n)d more hosts of %(cpus)s cores and %(gib)s GiB in %(where)s",
                self.count,
            )
            return text % (size | {"where": self.where or _("no group")})
        if self.kind == "lose":
            return _("without the host %(name)s") % size
        if self.kind == "room":
            return _("without the hosts of %(name)s") % size
        if self.kind == "grow":
            text = ngettext("%(n)d more instance of %(name)s", "%(n)d more instances of %(name)s", self.count)
            return text % size
        if self.kind == "times":
            return _("%(factor)s × as many instances of %(name)s") % {"factor": f"{self.factor:g}", "name": self.name}
        return _("a new service %(name)s: %(n)d × %(cpus)s cores and %(gib)s GiB in %(where)s") % size


def parse(text: str) -> Change:
    """Raises Refused (400, field `changes`) with what is wrong with which part."""
    kind, *parts = text[: MOST_LENGTH + 1].strip().split(":")
    names = FIELDS.get(kind)
    if len(text) > MOST_LENGTH or names is None or len(parts) != len(names):
        raise _refused(text, _("write it as one of %(forms)s") % {"forms": ", ".join(forms())})
    given = dict(zip(names, parts, strict=True))
    found: dict[str, str | int | float] = {"kind": kind}
    for field, value in given.items():
        if field == "count":
            found["count"] = _whole(text, value, MOST_COUNT[kind])
        elif field in LIMITS:
            found[field] = _number(text, value, *LIMITS[field])
        else:
            where = field == "environment" or (kind == "hosts" and field == "group")
            found["where" if where else "name"] = _name(text, field, value, kind)
    return Change(**found)  # type: ignore[arg-type]


def parse_all(texts: Sequence[str]) -> list[Change]:
    """Raises Refused for the first one that makes no sense, and for too many."""
    if len(texts) > MOST:
        raise Refused(_("At most %(most)d changes in one scenario.") % {"most": MOST}, "changes", 400)
    return [parse(text) for text in texts]


def forms() -> list[str]:
    """How changes are written."""
    return [":".join([kind, *(name.upper() for name in names)]) for kind, names in FIELDS.items()]


def _refused(text: str, why: str) -> Refused:
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    return Refused(
        _("«%(text)s» is no change: %(why)s.") % {"text": shown.replace("\x00", "�"), "why": why}, "changes", 400
    )


def _whole(text: str, value: str, most: int) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 8 and 1 <= int(value) <= most):
        raise _refused(text, _("a number from %(low)s to %(most)s") % {"low": 1, "most": most})
    return int(value)


def _number(text: str, value: str, low: float, high: float) -> float:
    try:
        number = float(value[:20])
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise _refused(text, _("a number from %(low)s to %(most)s") % {"low": f"{low:g}", "most": f"{high:g}"})
    return number


def _name(text: str, field: str, value: str, kind: str) -> str:
    if not value and kind == "hosts":
        return ""  # hosts of no group
    fits = PLACE.fullmatch(value) if field == "place" else NAME.fullmatch(value)
    if not fits and not (field == "target" and PLACE.fullmatch(value)):
        what = {"place": _("a service/environment"), "target": _("a service, or service/environment")}
        raise _refused(text, what.get(field) or _("a name"))
    return value
