"""The calendars that policies name, as `sessions.Book`."""

from __future__ import annotations

from collections.abc import Iterable

from containers.guardrails.sessions import Book
from containers.guardrails.times import DAY
from containers.guardrails.windows import blindness, book_of
from containers.models import Calendar
from containers.scaling.points import BACKS
from containers.scaling.shape import Policy


def books(policies: Iterable[Policy], since: float, until: float) -> dict[str, Book | None]:
    """By slug; None where nothing is known of one. What is gone is not there."""
    slugs = {point.calendar for policy in policies for point in policy.market}
    found: dict[str, Book | None] = {}
    for calendar in Calendar.objects.filter(slug__in=slugs).prefetch_related("days"):
        book = book_of(calendar, since - BACKS[-1] - 2 * DAY, until + 2 * DAY)
        found[calendar.slug] = None if blindness(calendar) else book
    return found
