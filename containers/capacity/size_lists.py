"""A list of sizes as it was asked for: filtered, sorted, in pages; its state is in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _

from containers.capacity.rightsizing import HEADROOMS, RANGES, Mark, Wish
from containers.capacity.sizes import Size
from containers.capacity.sizing_words import TITLES
from xqplatform.web.tables import PER_PAGE, Filter

SORTS: dict[str, Callable[[Size], Any]] = {
    "name": lambda one: (one.service, one.environment.position),
    "instances": lambda one: one.instances,
    "cpu": lambda one: one.past.cpu or 0.0,
    "memory": lambda one: one.past.peak or 0,
    "cpus_saved": lambda one: one.saved.cpus,
    "memory_saved": lambda one: one.saved.memory,
}
DEFAULT_SORT = "-cpus_saved"
RAISED, LOWERED = "raised", "lowered"


def wish(given: Mapping[str, Any]) -> Wish:
    """What makes no sense is ignored."""
    days, headroom = str(given.get("days", "")), str(given.get("headroom", ""))
    return Wish(
        days=int(days) if days in {str(n) for n in RANGES} else Wish.days,
        headroom=int(headroom) / 100 if headroom in {str(n) for n in HEADROOMS} else Wish.headroom,
        below_peak=given.get("below_peak") == "1",
    )


class Listing:
    """What templates take for a table (`web.tables.Table`), of a list."""

    searchable = True

    def __init__(self, given: Mapping[str, Any], rows: Sequence[Size]) -> None:
        self.every = rows
        self.q = str(given.get("q", "")).replace("\x00", "").strip()[:200]
        self.filters = _filters(rows)
        kept = list(rows)
        for name, one in self.filters.items():
            asked = str(given.get(name, ""))
            one.options = [(str(value), label) for value, label in one.choices]
            if asked and asked in {value for value, _label in one.options}:
                one.value = asked
                kept = [row for row in kept if KEPT[name](row, asked)]
        for word in self.q.lower().split():
            kept = [row for row in kept if word in row.name or word in row.team]
        asked = str(given.get("sort", ""))
        self.sort = asked if asked.removeprefix("-") in SORTS else DEFAULT_SORT
        kept.sort(key=SORTS["name"])
        kept.sort(key=SORTS[self.sort.removeprefix("-")], reverse=self.sort.startswith("-"))
        self.kept = kept
        self.page: Page[Size] = Paginator(kept, PER_PAGE).get_page(given.get("page", "1"))
        self.active = bool(self.q or any(one.value for one in self.filters.values()))


def _filters(rows: Sequence[Size]) -> dict[str, Filter]:
    teams = sorted({row.team for row in rows} - {""})
    environments = sorted({row.environment for row in rows}, key=lambda one: (one.position, one.slug))
    marks = [(mark.value, title) for mark, title in TITLES.items()]
    marks += [(LOWERED, _("proposed: lower")), (RAISED, _("proposed: higher"))]
    return {
        "team": Filter(_("Team"), [(slug, slug) for slug in teams], ""),
        "environment": Filter(_("Environment"), [(one.slug, one.local_title) for one in environments], ""),
        "state": Filter(_("State"), marks, ""),
    }


def _state(row: Size, asked: str) -> bool:
    now, new = row.advice.now, row.advice.proposed
    if asked == LOWERED:
        return new.cpus < now.cpus or new.memory < now.memory
    if asked == RAISED:
        return new.cpus > now.cpus or new.memory > now.memory
    return Mark(asked) in row.advice.marks


KEPT: dict[str, Callable[[Size, str], bool]] = {
    "team": lambda row, asked: row.team == asked,
    "environment": lambda row, asked: row.environment.slug == asked,
    "state": _state,
}
