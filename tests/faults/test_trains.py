"""Trains on real engines: two services in two stages, a worker killed on the way, and a stage that goes back."""

from __future__ import annotations

import pytest

from builds.models import Image, Project
from containers.models import Container, Deployment, Instance, Service, ServiceEnvironment, Train
from containers.services import beginning
from containers.services import settings as places
from containers.trains import running, services
from containers.trains.rows import cars_of
from containers.trains.services import Wanted
from hosts.models import Segment
from tests.faults.conftest import CONFIG, Site
from tests.faults.workers import Workers

pytestmark = pytest.mark.engine
POLICY = {"batch": 2, "deadline": 90}


def second(site: Site) -> ServiceEnvironment:
    """Another service beside the site's, of the same images."""
    project = Project.objects.create(name="sleet")
    place: ServiceEnvironment = Service.objects.create(slug="sleet", project=project).places.create(
        environment=site.environment, wanted=1
    )
    places.save_config(site.actor, place, CONFIG)
    return place


def image(site: Site, place: ServiceEnvironment, name: str) -> Image:
    found = site.image(name)
    if found.project_id == place.service.project_id:
        return found
    return Image.objects.create(
        project=place.service.project, registry=found.registry, repository=found.repository, tag=f"sleet-{name}",
        digest=found.digest, image_id=found.image_id,
    )  # fmt: skip


def run(site: Site, train: Train, workers: Workers, points: tuple[str, ...] = ()) -> Train:
    """As beat and workers do, until it is over; the first worker dies at one of the points."""
    deaths = set(points)
    while Train.objects.filter(pk=train.pk, state__in=Train.ACTIVE).exists():
        running.advance(train.pk)
        for place in ServiceEnvironment.objects.all():
            beginning.begin(place.pk)
        for row in Deployment.objects.filter(state__in=Deployment.ACTIVE):
            deaths -= {workers.advance(row.pk, deaths)}
    assert not deaths
    train.refresh_from_db()
    return train


def runs(place: ServiceEnvironment) -> list[str]:
    """The image of each of its instances' standing containers."""
    rows = Container.objects.filter(instance__place=place, ended=None, instance__removed=None)
    return [str(row.image).removeprefix("sleet-") for row in rows.select_related("image")]


def test_two_services_in_two_stages_and_a_stage_that_goes_back(site: Site, workers: Workers) -> None:
    Segment.objects.update(probe=False)
    snow, sleet = site.place, second(site)
    snow.wanted = 2
    snow.save()
    cars = [Wanted(1, snow, image(site, snow, "v1"), POLICY), Wanted(2, sleet, image(site, sleet, "v1"), POLICY)]
    train = services.begin(site.actor, services.save(site.actor, cars, name="first"))
    run(site, train, workers, ("after create",))
    assert (train.state, runs(snow), runs(sleet)) == ("succeeded", ["v1", "v1"], ["v1"]), train.why
    first, then = (car.deployment for car in cars_of(train))
    assert first is not None
    assert then is not None
    assert first.finished is not None
    assert then.started is not None
    assert first.finished <= then.started, "the second stage began when the first was done"
    addresses = dict(Instance.objects.values_list("pk", "address__ip"))

    cars = [Wanted(1, snow, image(site, snow, "v2"), POLICY), Wanted(1, sleet, image(site, sleet, "exits"), POLICY)]
    train = services.begin(site.actor, services.save(site.actor, cars, name="second", on_failure="rollback"))
    run(site, train, workers)
    assert (train.state, runs(snow), runs(sleet)) == ("rolled_back", ["v1", "v1"], ["v1"]), train.why
    assert site.texts() == ["v1"] * 3
    assert dict(Instance.objects.values_list("pk", "address__ip")) == addresses
