"""Takes events into the queue: some at a time, from where it stopped. Any process may die in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from xqplatform import live
from xqplatform.accounts.models import User
from xqplatform.audit.models import Event
from xqplatform.audit.reviews import rules, seams
from xqplatform.audit.reviews.models import Feed, Review, ReviewRule
from xqplatform.audit.reviews.rules import Facts, Rule

MOST = 2000  # events that are looked at in one go
# An event may be seen later than one of a higher number: those of the last minutes are looked at again, and taken but once.
SETTLED = timedelta(minutes=2)
PAST = timedelta(days=30)  # that are taken when the queue begins
TOPIC = "reviews"


def feed(most: int = MOST) -> int:
    """Takes what is new; returns how many events were taken. Whoever comes second waits for the first."""
    ensure_built_in()
    now = timezone.now()
    with transaction.atomic():
        row, new = Feed.objects.select_for_update().get_or_create(pk=1)
        if new:
            row.position = Event.objects.filter(time__lt=now - PAST).aggregate(last=Max("pk"))["last"] or 0
        events = list(Event.objects.filter(pk__gt=row.position).order_by("pk")[:most])
        taken = _take(events)
        settled = [event.pk for event in events if event.time < now - SETTLED]
        young = min((event.pk for event in events if event.time >= now - SETTLED), default=None)
        position = max((pk for pk in settled if young is None or pk < young), default=row.position)
        if new or position != row.position:
            Feed.objects.filter(pk=row.pk).update(position=position)
        if taken:
            live.bump(TOPIC)
    return taken


def _take(events: Sequence[Event]) -> int:
    wanted = [
        Rule(row.name, tuple(row.actions), row.environment, row.production, row.denied)
        for row in ReviewRule.objects.filter(enabled=True)
    ]
    # Where something was is asked only of what a rule may take.
    near = [one for one in events if any(rules.fits(p, one.action) for rule in wanted for p in rule.actions)]
    known = set(Review.objects.filter(event__in=[one.pk for one in near]).values_list("event", flat=True))
    near = [one for one in near if one.pk not in known]
    places = seams.places_of(near)
    # (An event outlives whom it names.)
    people = set(User.objects.filter(pk__in={one.user_id for one in near if one.user_id}).values_list("pk", flat=True))
    found = []
    for event in near:
        here = places.get(event.pk, {})
        names = rules.taking(wanted, Facts(event.action, event.denied, frozenset(here), any(here.values())))
        if names:
            found.append(
                Review(
                    event=event.pk, time=event.time, user_id=event.user_id if event.user_id in people else None, actor=event.actor, action=event.action,
                    denied=event.denied, object_type=event.object_type, object_id=event.object_id,
                    object_name=event.object_name, parent_id=event.parent_id, environment=min(here, default=""), reason=event.reason, rules=names,
                )
            )  # fmt: skip
    Review.objects.bulk_create(found, batch_size=200, ignore_conflicts=True)
    return len(found)


def ensure_built_in() -> None:
    """The built-in rules are rows as well, so that they can be switched off; a new release may change what they take."""
    known = {row.slug: row for row in ReviewRule.objects.exclude(slug="")}
    for one in rules.BUILT_IN:
        row = known.get(one.slug)
        values = {"name": str(one.slug), "actions": list(one.actions), "production": one.production}
        if row is None:
            ReviewRule.objects.bulk_create([ReviewRule(slug=one.slug, **values)], ignore_conflicts=True)
        elif (row.actions, row.production) != (values["actions"], values["production"]):
            ReviewRule.objects.filter(pk=row.pk).update(**values)
