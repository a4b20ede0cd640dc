"""New instances that a policy asked for and that did not get healthy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta

from django.utils import timezone

from containers.models import Deployment, Step

WELL = ("running", "healthy")
LOOKED = timedelta(days=7)  # what failed before and still stands is people's


def of(places: Collection[int]) -> dict[int, dict[int, float]]:
    """By place and instance: when the release that brought it ended. What people did something with since, or stopped, is theirs."""
    rows = Step.objects.filter(
        deployment__place__in=places,
        deployment__kind=Deployment.Kind.SCALE,
        deployment__state__in=Deployment.TERMINAL,
        deployment__finished__gte=timezone.now() - LOOKED,
        action=Step.Action.ADD,
        state=Step.State.FAILED,
        instance__removed=None,
        instance__wanted_state="running",
    ).exclude(deployment__scaling=None)
    rows = rows.exclude(instance__state__in=WELL)
    found: dict[int, dict[int, float]] = defaultdict(dict)
    began: dict[int, int] = {}
    fields = ("deployment__place", "instance", "deployment__finished", "deployment")
    for place, instance, finished, work in rows.values_list(*fields):
        found[place][instance] = finished.timestamp()
        began[instance] = work
    others = Step.objects.filter(instance__in=list(began), deployment__scaling=None)
    for instance, work in others.values_list("instance", "deployment"):
        if work > began[instance]:
            for those in found.values():
                those.pop(instance, None)
    return found
