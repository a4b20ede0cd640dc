"""Takes events into the queue: some at a time, from where it stopped. Any process may die in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from xqplatform import live
from xqplatform.accounts.models import User
from xqplatform.audit.chain import linking
from xqplatform.audit.models import Event, Link
from xqplatform.audit.reviews import rules, seams
from xqplatform.audit.reviews.models import Feed, Review, ReviewRule
from xqplatform.audit.reviews.rules import Facts, Rule

MOST = 2000  # events that are looked at in one go
PAST = timedelta(days=30)  # that are taken when the queue begins
TOPIC = "reviews"


def feed(most: int = MOST) -> int:
    """Takes what is new; returns how many events were taken. Whoever comes second waits for the first.

    It goes by places in the chain: they are given after the commit, one after the other, so however late an event is
    committed, its place is one that was not looked at yet.
    """
    ensure_built_in()
    linking.link()
    with transaction.atomic():
        row, new = Feed.objects.select_for_update().get_or_create(pk=1)
        if new:
            row.position = _begin(timezone.now() - PAST)
        places = Link.objects.filter(position__gt=row.position).order_by("position")[:most]
        linked = list(places.values_list("position", "event_id"))
        taken = _take(list(Event.objects.filter(pk__in=[event for _position, event in linked]).order_by("pk")))
        position = linked[-1][0] if linked else row.position
        if new or linked:
            Feed.objects.filter(pk=row.pk).update(position=position)
        if taken:
            live.bump(TOPIC)
    return taken


def _begin(since: datetime) -> int:
    """The place before the first event after that moment."""
    last = Event.objects.filter(time__lt=since).aggregate(last=Max("pk"))["last"] or 0
    first = Link.objects.filter(event_id__gt=last).order_by("position").values_list("position", flat=True).first()
    return first - 1 if first is not None else linking.head().position


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
