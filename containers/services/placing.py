"""Rules of placement from rows, and who else stands where: what plans and moves give the scheduler."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection

from django.db.models import Count, Q

from builds.models import Image
from containers.adding import Around
from containers.models import Container, Deployment, Instance, Service, ServiceEnvironment, Step
from containers.placement import Rules, Standing, stored
from hosts.models import HostImages, SeenContainer


def rules_of(place: ServiceEnvironment) -> Rules:
    """The place's rules over those of its environment."""
    found = stored.effective(place.environment.placement, place.placement)
    return stored.rules(found, _services(stored.named([found])))


def _services(names: Collection[str]) -> dict[str, int]:
    return dict(Service.objects.filter(slug__in=names).values_list("slug", "pk")) if names else {}


def around(place: ServiceEnvironment) -> Around:
    """The place's rules, and where the places stand that it avoids, or that avoid it."""
    rules = rules_of(place)
    # Other rules of others do not matter: those of an environment may be the rules of thousands of places.
    ruled = ServiceEnvironment.objects.filter(
        Q(placement__has_key="avoid") | Q(environment__placement__has_key="avoid")
    ).exclude(pk=place.pk)
    avoiding: dict[int, tuple[int, frozenset[int]]] = {}
    kept = list(ruled.values_list("pk", "service_id", "environment__placement", "placement"))
    effective = {pk: stored.effective(general, own) for pk, _service, general, own in kept}
    services = _services(stored.named(effective.values()))
    for pk, service, *_stored in kept:
        avoid = stored.rules(effective[pk], services).avoid
        if place.service_id in avoid:
            avoiding[pk] = (service, avoid)
    if rules.avoid:
        mine = ServiceEnvironment.objects.filter(service__in=rules.avoid).exclude(pk=place.pk)
        for pk, service in mine.values_list("pk", "service_id"):
            avoiding.setdefault(pk, (service, frozenset()))
    where = standing_of(avoiding)
    others = [
        Standing(pk, service, where[pk], avoid) for pk, (service, avoid) in sorted(avoiding.items()) if pk in where
    ]
    return Around(place.pk, place.service_id, rules, tuple(others))


def having(image: Image) -> set[int]:
    """Hosts that have the image, as far as is known: a container of it stands there, or it lay there when the engine was asked last."""
    names = [name for name in (image.image_id, image.digest) if name]  # engines name an image by one or the other
    found = set(Container.objects.filter(image=image, ended=None).order_by().values_list("host_id", flat=True))
    if image.only_on_id is not None:
        found.add(image.only_on_id)
    if names:
        found.update(HostImages.objects.filter(images__has_any_keys=names).values_list("host_id", flat=True))
        found.update(SeenContainer.objects.filter(image_id__in=names).order_by().values_list("host_id", flat=True))
    return found


def standing_of(places: Collection[int]) -> dict[int, Counter[int]]:
    """Place → host → instances that stand there or are on their way there."""
    found: dict[int, Counter[int]] = defaultdict(Counter)
    if not places:
        return found
    rows = Instance.objects.filter(removed=None, place__in=places).values_list("place_id", "host_id")
    for place, host, count in rows.annotate(count=Count("pk")).order_by():
        found[place][host] += count
    moving = Step.objects.filter(
        deployment__place__in=places,
        deployment__state__in=Deployment.ACTIVE,
        action=Step.Action.MOVE,
        state__in=[Step.State.WAITING, *Step.IN_WORK],
    )
    for place, host in moving.values_list("deployment__place_id", "host_id"):
        if host is not None:
            found[place][host] += 1
    return found
