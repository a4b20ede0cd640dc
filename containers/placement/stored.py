"""Rules of placement as rows keep them: only what is set; a place goes by its environment's where it sets nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from containers.placement.model import Rules
from xqplatform.errors import Refused

FLAGS, NUMBERS, LISTS = ("pack", "rooms"), ("per_host", "per_room"), ("avoid", "labels", "unlabels")
NAMES = (*FLAGS, *NUMBERS, *LISTS)
MOST, MOST_NAMED = 500, 20  # of a place on one host; services or labels in one rule
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}(=[^\s,=]{0,100})?")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
Stored = dict[str, Any]


def parse(data: Any) -> Stored:
    """What is to be stored; None takes a rule away. Raises Refused with the field: `placement.per_host`."""
    if not isinstance(data, Mapping):
        raise Refused(_("The rules of placement must be an object."), "placement", 400)
    for name in data:
        if name not in NAMES:
            raise Refused(_("There is no rule «%(name)s».") % {"name": str(name)[:60]}, "placement", 400)
    return {name: _value(name, data[name]) for name in NAMES if data.get(name) is not None}


def _value(name: str, value: Any) -> Any:
    field = f"placement.{name}"
    if name in FLAGS:
        if not isinstance(value, bool):
            raise Refused(_("It must be true or false."), field, 400)
        return value
    if name in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
            raise Refused(_("A whole number from 0 (no limit) to %(most)s.") % {"most": MOST}, field, 400)
        return value
    if not isinstance(value, list | tuple) or len(value) > MOST_NAMED:
        raise Refused(_("A list of at most %(most)s.") % {"most": MOST_NAMED}, field, 400)
    shape = SLUG if name == "avoid" else LABEL
    for one in value:
        if not isinstance(one, str) or not shape.fullmatch(one):
            words = _("«%(value)s» is no name of a service.") if name == "avoid" else _("«%(value)s» is no label.")
            raise Refused(words % {"value": str(one)[:100]}, field, 400)
    return sorted(set(value))


def effective(*stored: Mapping[str, Any]) -> Stored:
    """What holds: each of them goes before those that stand before it."""
    found: Stored = {}
    for one in stored:
        found |= {name: value for name, value in one.items() if name in NAMES}
    return found


def rules(stored: Mapping[str, Any], services: Mapping[str, int]) -> Rules:
    """As the scheduler takes them. `services`: name → key; a service that is gone is avoided no more."""
    return Rules(
        pack=bool(stored.get("pack")),
        rooms=bool(stored.get("rooms")),
        per_host=int(stored.get("per_host") or 0),
        per_room=int(stored.get("per_room") or 0),
        avoid=frozenset(services[name] for name in stored.get("avoid") or () if name in services),
        labels=frozenset(stored.get("labels") or ()),
        unlabels=frozenset(stored.get("unlabels") or ()),
    )


def named(stored: Iterable[Mapping[str, Any]]) -> set[str]:
    """The services that rules speak of."""
    return {name for one in stored for name in one.get("avoid") or ()}
