"""Runways as pages read them: kept with each day that is rolled up, since trends of some fifty lines take longer than a page may.

What is kept is of the days there were; while other days stand in the tables, they are computed where they are asked for.
"""

from __future__ import annotations

from dataclasses import astuple
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from containers.capacity import overview, sized
from containers.capacity.models import KeptRunways, Of, Span
from containers.capacity.overview import Ends
from containers.capacity.runway import Runway, State
from hosts.models import Segment


def refresh() -> bool:
    """Keeps them by all days that are rolled up. Whether that was due."""
    last, known = sized.rolled_up()
    if last is None or KeptRunways.objects.filter(known=known).exists():
        return False
    ends = [_packed(one) for one in overview.runways(last)]
    KeptRunways.objects.update_or_create(pk=1, defaults={"known": known, "ends": ends})
    return True


def read(until: date) -> list[Ends]:
    """The same as `overview.runways`, with names as they are now."""
    last, known = sized.rolled_up()
    kept = KeptRunways.objects.filter(known=known).values_list("ends", flat=True).first() if last == until else None
    if kept is None:
        return overview.runways(until)
    groups = dict(Span.objects.filter(of=Of.GROUP, days=Span.DAYS[0]).values_list("key", "name"))
    segments = {pk: title or slug for pk, title, slug in Segment.objects.values_list("pk", "title", "slug")}
    names = {
        Of.GROUP.value: {key: name or _("without a group") for key, name in groups.items()},
        overview.SEGMENT: segments,
    }
    found = [_unpacked(names[of][key], of, key, row, until) for of, key, *row in kept if key in names[of]]
    return sorted(found, key=lambda one: one.order)


def _packed(one: Ends) -> list[Any]:
    state, *numbers = astuple(one.found)
    return [one.of, one.key, one.resource, one.promised, one.capacity, one.taken, state.value, *numbers]


def _unpacked(name: str, of: str, key: int, row: list[Any], until: date) -> Ends:
    resource, promised, capacity, taken, state, *numbers = row
    return Ends(resource, name, promised, capacity, taken, Runway(State(state), *numbers), until, of, key)
