"""Counts a month of events: sums are worked out by the database, lists end at a bound, and no list of all events is ever held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KT

from xqplatform.audit.models import Event
from xqplatform.audit.refused import FAILED
from xqplatform.audit.reports import months, standing
from xqplatform.audit.reviews import seams
from xqplatform.audit.reviews.models import Review
from xqplatform.audit.reviews.rules import GLASS, INSIDE

LISTED = 500  # rows of a list; how many there are altogether stands beside it
PIECE = 500  # events of which it is asked at once where they were
# Who may do what: people, teams, roles, tokens and the rules of signing in.
OF_RIGHTS = (
    "grant.", "role.", "access.", "person.", "team.", "token.create", "token.revoke", "service_account.", "invitation.",
    "factor.reset", "signin.rules", "oidc.",
)  # fmt: skip


def of_rights() -> Q:
    found = Q()
    for prefix in OF_RIGHTS:
        found |= Q(action__startswith=prefix)
    return found & Q(denied=False)


def count(month: str) -> dict[str, Any]:
    """All figures of the report, as JSON takes them. Raises ValueError for what is no month."""
    start, end = months.bounds(month)
    rows = _of(start, end)
    terminals = _terminals(rows)
    return {
        **_heads(rows),
        "terminals": terminals,
        "days": _days(start, end),
        "actions": _actions(rows),
        "people": [list(one) for one in rows.exclude(user=None).values_list("actor").annotate(
            done=Count("pk", filter=Q(denied=False)), denied=Count("pk", filter=Q(denied=True))
        ).order_by("-done", "-denied", "actor")[:LISTED]],
        "active": rows.exclude(user=None).values("user").distinct().count(),
        "refused": _counted(rows.filter(denied=True).exclude(action__in=FAILED), "actor", "action"),
        "failed": _counted(rows.filter(action__in=FAILED), "object_name", "ip"),
        "glass": _glass(rows),
        "rights": [
            [_at(e.time), e.actor, e.action, e.object_name, e.reason]
            for e in rows.filter(of_rights()).order_by("pk")[:LISTED]
        ],
        "past_platform": _past_platform(rows),
        "releases": dict(_states(rows)),
        "reviews": standing.reviews(start, end),
        "chain": standing.chain(start, end),
        "before": _heads(_of(*months.bounds(months.before(month)))),
    }  # fmt: skip


def _of(start: datetime, end: datetime) -> QuerySet[Event]:
    return Event.objects.filter(time__gte=start, time__lt=end).order_by()


def _heads(rows: QuerySet[Event]) -> dict[str, int]:
    """The numbers that stand at the top, each in one pass over the month's index."""
    return rows.aggregate(
        n_events=Count("pk"),
        n_denied=Count("pk", filter=Q(denied=True)),
        n_failed=Count("pk", filter=Q(action__in=FAILED)),
        n_glass=Count("pk", filter=Q(action=GLASS, denied=False)),
        n_rights=Count("pk", filter=of_rights()),
        n_past_platform=Count("pk", filter=Q(action__startswith="outside.")),
        n_begun=Count("pk", filter=Q(action="service.deploy", denied=False)),
        n_ended=Count("pk", filter=Q(action="deployment.finish")),
    )


def _days(start: datetime, end: datetime) -> list[int]:
    found, day = [], start
    while day < end:
        found.append(_of(day, day + timedelta(days=1)).count())
        day += timedelta(days=1)
    return found


def _counted(rows: QuerySet[Event], *fields: str) -> list[list[Any]]:
    return [list(one) for one in rows.values_list(*fields).annotate(n=Count("pk")).order_by("-n", *fields)[:LISTED]]


def _actions(rows: QuerySet[Event]) -> list[list[Any]]:
    """Of each action how often it was done, and how often denied. (There are as many as the platform has verbs.)"""
    found = rows.values_list("action").annotate(
        done=Count("pk", filter=Q(denied=False)), refused=Count("pk", filter=Q(denied=True))
    )
    return sorted(map(list, found), key=lambda one: (-one[1] - one[2], one[0]))


def _states(rows: QuerySet[Event]) -> list[tuple[str, int]]:
    ended = rows.filter(action="deployment.finish").annotate(state=KT("after__state"))
    return sorted((state or "–", n) for state, n in ended.values_list("state").annotate(n=Count("pk")))


def _glass(rows: QuerySet[Event]) -> list[list[Any]]:
    events = list(rows.filter(action=GLASS, denied=False).order_by("pk")[:LISTED])
    said = Review.objects.filter(event__in=[one.pk for one in events]).exclude(reviewed=None)
    reviews = {row.event: (row.reviewed_name, row.comment) for row in said}
    return [[_at(e.time), e.actor, e.object_name, e.reason, *reviews.get(e.pk, ("", ""))] for e in events]


def _terminals(rows: QuerySet[Event]) -> dict[str, Any]:
    """Terminals and commands in production: who, where, and how often."""
    found: Counter[tuple[str, str, str]] = Counter()
    events = rows.filter(action__in=INSIDE, denied=False).order_by("pk").iterator(chunk_size=PIECE)
    while piece := list(islice(events, PIECE)):
        found.update((event.actor, event.object_name, event.action) for event in _in_production(piece))
    listed = [[*key, n] for key, n in sorted(found.items(), key=lambda one: (-one[1], one[0]))]
    return {"n": found.total(), "listed": listed[:LISTED]}


def _in_production(events: Sequence[Event]) -> Iterator[Event]:
    places = seams.places_of(events)
    return (event for event in events if any(places.get(event.pk, {}).values()))


def _past_platform(rows: QuerySet[Event]) -> list[list[Any]]:
    """By host and deed; one event may tell of many that came within a minute."""
    found: Counter[tuple[str, str]] = Counter()
    counted = rows.filter(action__startswith="outside.").annotate(times=KT("after__count"))
    for host, action, times, n in counted.values_list("object_name", "action", "times").annotate(n=Count("pk")):
        found[host, action] += n * (int(times) if times is not None and str(times).isdecimal() else 1)
    return [[*key, n] for key, n in sorted(found.items(), key=lambda one: (-one[1], one[0]))][:LISTED]


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
