"""What the queue of reviews does not know of itself: in which environment something was, and that broken glass has a list of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from containers.models import BrokenGlass, CommandRun, Deployment, Environment, Instance, ServiceEnvironment, Terminal
from hosts.models import Host
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.audit.reviews import seams
from xqplatform.audit.reviews.models import Review

Key = tuple[str, str]
# Of each kind of object: its rows, and the look-up that leads to its environment.
WAYS: tuple[tuple[QuerySet[Any], str], ...] = (
    (Environment.objects.all(), ""),
    (ServiceEnvironment.objects.all(), "environment__"),
    (Instance.objects.all(), "place__environment__"),
    (Deployment.objects.all(), "place__environment__"),
    (Terminal.objects.all(), "instance__place__environment__"),
    (CommandRun.objects.all(), "instance__place__environment__"),
)


def places(events: Sequence[Event]) -> Mapping[int, Mapping[str, bool]]:
    """By the object, else by what it belongs to; of a host: where its instances stand."""
    wanted = {key for event in events for key in _keys(event)}
    known: dict[Key, dict[str, bool]] = {}
    for rows, way in WAYS:
        label = rows.model._meta.label_lower
        numbers = [int(pk) for kind, pk in wanted if kind == label and pk.isdecimal()]
        for pk, slug, production in rows.filter(pk__in=numbers).values_list("pk", f"{way}slug", f"{way}production"):
            known[label, str(pk)] = {slug: production}
    label = Host._meta.label_lower
    hosts = [int(pk) for kind, pk in wanted if kind == label and pk.isdecimal()]
    standing = Instance.objects.filter(host__in=hosts, removed=None).order_by()
    for host, slug, production in standing.values_list(
        "host", "place__environment__slug", "place__environment__production"
    ).distinct():
        known.setdefault((label, str(host)), {})[slug] = production
    found = {}
    for event in events:
        own, parent = _keys(event)
        here = known.get(own) or known.get(parent)
        # What was done to an instance's container was done there, whatever else stands on the host.
        if event.object_type == label and known.get(parent):
            here = known[parent]
        if here:
            found[event.pk] = here
    return found


def _keys(event: Event) -> tuple[Key, Key]:
    return (event.object_type, event.object_id), (event.parent_type, event.parent_id)


def glass_too(actor: Actor, review: Review, comment: str) -> None:
    """The list of broken glass says the same: inside the transaction of the review."""
    rows = BrokenGlass.objects.filter(deployment=int(review.object_id), reviewed=None)
    now = timezone.now()
    if rows.update(reviewed=now, reviewed_by=actor.user, reviewed_name=actor.name, comment=comment):
        row = Deployment.objects.select_related("place__service").get(pk=int(review.object_id))
        audit.record(actor, "deployment.review_glass", row, after={"comment": comment}, parent=row.place.service)


def register() -> None:
    seams.PLACES.append(places)
    seams.TOGETHER["deployment.break_glass"] = glass_too
