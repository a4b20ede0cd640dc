"""The cars of a train that takes along what a wave of builds has made."""

from __future__ import annotations

from builds.models import Wave
from builds.services.reached import places_of
from containers.models import ServiceEnvironment
from containers.trains import choosing
from containers.trains.services import Wanted


def cars(wave: Wave, *, once: bool = False) -> list[Wanted]:
    """One for each place that still runs on the old base and for which the wave has built something.

    A stage an environment, in the order of environments; `once`: all in one stage.
    """
    found = [one for one in places_of(wave) if one.old and one.image is not None]
    stages = {rank: n for n, rank in enumerate(sorted({one.use.rank for one in found}), 1)}
    rows = ServiceEnvironment.objects.filter(
        service__slug__in=[one.use.service for one in found], service__removed=None
    )
    rows = rows.select_related("service", "environment", "current_image", "config")
    places = {(row.service.slug, row.environment.slug): row for row in rows}
    return [
        Wanted(1 if once else stages[one.use.rank], place, one.image, choosing.usual(place))
        for one in found
        if (place := places.get(one.use.key)) is not None
    ]
