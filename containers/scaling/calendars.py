"""The calendars that policies name: as `sessions.Book`, and who names one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from containers.guardrails.sessions import Book
from containers.guardrails.times import DAY
from containers.guardrails.windows import blindness, book_of
from containers.models import Calendar
from containers.scaling.models import ScalingPolicy
from containers.scaling.points import BACKS
from containers.scaling.shape import Policy
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible

NAMED = 5  # places that a refusal names


def books(policies: Iterable[Policy], since: float, until: float) -> dict[str, Book | None]:
    """By slug; None where nothing is known of one. What is gone is not there."""
    slugs = {point.calendar for policy in policies for point in policy.market}
    found: dict[str, Book | None] = {}
    for calendar in Calendar.objects.filter(slug__in=slugs).prefetch_related("days"):
        book = book_of(calendar, since - BACKS[-1] - 2 * DAY, until + 2 * DAY)
        found[calendar.slug] = None if blindness(calendar) else book
    return found


def used(actor: Actor, calendar: Calendar) -> str:
    """Why the calendar is not to be removed: policies go by it. Places that the actor does not see are counted only."""
    rows = ScalingPolicy.objects.filter(place__service__removed=None)
    users = {pk for pk, content in rows.values_list("pk", "content") if calendar.slug in slugs_of(content)}
    if not users:
        return ""
    seen = visible(actor, ScalingPolicy).filter(pk__in=users).select_related("place__service", "place__environment")
    names = [str(row) for row in seen.order_by("place__service__slug", "place__environment__slug")[:NAMED]]
    more = len(users) - len(names)
    if not names:
        return _("Policies of elasticity go by it: %(count)s, of teams that you do not see.") % {"count": more}
    words = _("Policies of elasticity go by it: %(names)s.") % {"names": ", ".join(names)}
    return words + (" " + _("And %(count)s more.") % {"count": more} if more else "")


def slugs_of(content: Any) -> set[str]:
    """The calendars that a stored policy names, whether it can be read or not."""
    points = content.get("market") if isinstance(content, dict) else None
    return {str(one.get("calendar")) for one in points or [] if isinstance(one, dict)}
