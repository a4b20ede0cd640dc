"""Where images run, for the pages of base images (`builds.uses`), and which trains take a wave's images there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext as _

from builds.models import Wave
from builds.uses import Next, Use
from containers.models import Container, Instance, ServiceEnvironment, Train


def uses(images: Collection[int]) -> list[Use]:
    """By image and place, the instances whose container, the one that stands, is of it."""
    rows = Container.objects.filter(image__in=list(images), ended=None, instance__removed=None)
    rows = rows.select_related("instance__place__service", "instance__place__environment")
    found: dict[tuple[int, int], list[Instance]] = defaultdict(list)
    places: dict[int, ServiceEnvironment] = {}
    for row in rows.order_by("instance__number"):
        assert row.image_id is not None
        place = places.setdefault(row.instance.place_id, row.instance.place)
        if row.instance not in found[row.image_id, place.pk]:
            found[row.image_id, place.pk].append(row.instance)
    return [_use(image, places[place], instances) for (image, place), instances in found.items()]


def _use(image: int, place: ServiceEnvironment, instances: list[Instance]) -> Use:
    return Use(
        image,
        place.service.slug,
        place.environment,
        place.environment.position,
        reverse("containers:place", args=[place.service.slug, place.environment.slug]),
        tuple((one.number, reverse("containers:instance", args=[one.pk])) for one in instances),
    )


def nexts(wave: Wave) -> list[Next]:
    """The trains that were made of the wave, and the way to make one."""
    url = reverse("containers:train_new")
    rows = Train.objects.filter(wave=wave).order_by("id")
    made = [Next(reverse("containers:train", args=[row.pk]), f"#{row.pk} {row.name}", row.state) for row in rows]
    return [
        *made,
        Next(f"{url}?wave={wave.pk}", _("Train, a stage an environment")),
        Next(f"{url}?wave={wave.pk}&order=once", _("Train, all in one stage")),
    ]
