"""Whose an upstream file is, where two places would have one of the same name."""

from __future__ import annotations

from containers.models import ServiceEnvironment, Upstream
from containers.traffic.render import name_of


def namesake(place: ServiceEnvironment, front: str) -> ServiceEnvironment | None:
    """The place that has had this one's file at the front from before: environments of old may have «--» in their names."""
    service, environment = place.service.slug, place.environment.slug
    if "--" not in f"{service} {environment}":
        return None
    others = Upstream.objects.filter(front__slug=front).exclude(place=place).order_by("id")
    mine = Upstream.objects.filter(front__slug=front, place=place).order_by("id").first()
    for other in others.select_related("place__service", "place__environment"):
        theirs = other.place.service.slug, other.place.environment.slug
        if name_of(*theirs) == name_of(service, environment) and (mine is None or other.pk < mine.pk):
            return other.place
    return None
