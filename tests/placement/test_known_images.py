"""«Has the image» is what is known of the host now: a container that stands, or what its engine had when it was asked; not what once ran."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from builds.models import Registry
from containers.models import Container
from containers.services import placing, releases
from hosts.models import HostImages, SeenContainer
from tests.containers.conftest import World


@pytest.fixture
def world(db: None) -> World:
    found = World(hosts=4)
    found.v1.registry = Registry.objects.create(name="main", address="127.0.0.1:9")
    found.v1.digest = "sha256:digest"
    found.v1.save()
    return found


def test_who_has_an_image(world: World) -> None:
    one, two, three, four = world.hosts
    world.finish(releases.deploy(world.actor, world.place, world.v1, hosts={1: "h1", 2: "h2", 3: "h2"}))
    assert placing.having(world.v1) == {one.pk, two.pk}
    Container.objects.filter(host=two).update(ended=timezone.now())
    assert placing.having(world.v1) == {one.pk}  # it ran there: that says nothing of today
    HostImages.objects.create(host=three, images={"sha256:digest": []}, looked=timezone.now())
    HostImages.objects.create(host=two, images={"sha256:other": []}, looked=timezone.now())
    SeenContainer.objects.create(
        host=four, engine_id="c", name="x", image_id=world.v1.image_id, state="exited", seen=timezone.now()
    )
    assert placing.having(world.v1) == {one.pk, three.pk, four.pk}
    assert placing.having(world.v2) == set()


def test_of_hosts_that_are_equally_good_it_goes_where_the_image_is(world: World) -> None:
    HostImages.objects.create(host=world.hosts[2], images={world.v1.image_id: []}, looked=timezone.now())
    entries: dict[int, Any] = {e.number: e for e in releases.preview(world.actor, world.place, world.v1).entries}
    assert entries[1].host_name == "h3"
    assert "has the image, as last seen" in entries[1].why
    assert "has the image" not in entries[2].why
