"""Hosts that a person chooses for new instances: the scheduler checks them as any other, and what its rules would rather have is told. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from containers.entries import Entry, HostView
from containers.placement import Rules

MOST = 20  # hosts of one choice
SEPARATED = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class ByHand:
    """What was typed for one instance: it goes to one of these hosts. `why`: nobody can have that."""

    typed: str
    hosts: frozenset[int] = frozenset()
    why: str = ""


def names(typed: str) -> list[str]:
    """«h1, h2» are two hosts, of which either will do."""
    return [name for name in SEPARATED.split(typed.strip()) if name]


def judged(typed: str, known: Mapping[str, int]) -> ByHand:
    """`known`: hosts by name."""
    asked = names(typed)
    if len(asked) > MOST:
        return ByHand(typed, why=_("At most %(most)s hosts for one instance.") % {"most": MOST})
    if unknown := [name for name in asked if name not in known]:
        return ByHand(typed, why=_("There is no host %(name)s.") % {"name": unknown[0][:60]})
    return ByHand(typed, frozenset(known[name] for name in asked))


def noted(
    entries: Iterable[Entry],
    otherwise: Mapping[int, int],
    on: Mapping[int, int],
    rules: Rules,
    views: Mapping[int, HostView],
) -> dict[int, str]:
    """Number → what the place's rules would rather have, of entries whose hosts were chosen. `otherwise`: number → the host without the
    choice; `on`: host → instances of the place in the end.
    """
    rooms: Counter[int] = Counter()
    for pk, count in on.items():
        rooms[views[pk].room if pk in views else 0] += count
    found = {}
    for entry in entries:
        better = views.get(otherwise.get(entry.number, 0))
        if not entry.host or better is None or better.pk == entry.host:
            continue
        if why := _against(views[entry.host], better, on, rooms, rules):
            found[entry.number] = why
    return found


def _against(here: HostView, better: HostView, on: Mapping[int, int], rooms: Mapping[int, int], rules: Rules) -> str:
    if rules.pack:
        return _("chosen by hand: packed closely, it would go to %(host)s") % {"host": better.name}
    if rules.rooms and here.room != better.room and rooms[here.room] - 1 > rooms.get(better.room, 0):
        text = _("chosen by hand: %(count)s others of it are in this room, %(fewer)s in %(room)s")
        return text % {
            "count": rooms[here.room] - 1,
            "fewer": rooms.get(better.room, 0),
            "room": better.room_name or "–",
        }
    if on[here.pk] - 1 > on.get(better.pk, 0):
        text = _("chosen by hand: %(count)s others of it are on this host, %(fewer)s on %(host)s")
        return text % {"count": on[here.pk] - 1, "fewer": on.get(better.pk, 0), "host": better.name}
    return ""


def not_new(chosen: Iterable[int], new: Iterable[Entry]) -> list[str]:
    """Hosts can be chosen here for new instances only; others move."""
    others = sorted(set(chosen) - {entry.number for entry in new})
    text = _("No host can be chosen for #%(numbers)s here: only for instances that this change makes. Move it instead.")
    return [text % {"numbers": ", #".join(map(str, others))}] if others else []
