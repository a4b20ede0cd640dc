"""Plans made at the same moment, and releases and moves under way, never promise more of a host than it may give."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connections

from builds.models import Image, Project
from containers.models import Deployment, Environment, Instance, Service, ServiceEnvironment, Step
from containers.services import moves, releases
from containers.services import settings as places
from hosts.models import Host, Segment
from hosts.models.machines import OVERCOMMIT_MEMORY
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

MIB = 1 << 20
ACTOR = Actor.system("tester")


def host(name: str, last: int, memory: int = 1024) -> Host:
    return Host.objects.create(
        name=name, address=f"10.9.0.{last}:2376", state="ready", api_version="1.41", cpus=64, memory=memory * MIB
    )


def service(name: str, memory: str = "512m", wanted: int = 1) -> ServiceEnvironment:
    project = Project.objects.create(name=name)
    row = Service.objects.create(slug=name, project=project)
    place: ServiceEnvironment = row.places.create(environment=Environment.objects.get(slug="isolated"), wanted=wanted)
    places.save_config(ACTOR, place, {"memory": memory, "cpus": 0.1})
    Image.objects.create(
        project=project, repository=name, tag=f"{name}-1", image_id=f"sha256:{name}", state="deployable"
    )
    place.refresh_from_db()
    return place


def segment() -> None:
    row = Segment.objects.create(slug="seg", cidr="10.9.1.0/24", gateway="10.9.1.1")
    row.hosts.set(Host.objects.all())
    Environment.objects.filter(slug="isolated").update(segment=row)


def deploy(place: ServiceEnvironment) -> Deployment:
    image = Image.objects.get(project=place.service.project_id)
    fresh = ServiceEnvironment.objects.select_related("service", "environment", "config").get(pk=place.pk)
    return releases.deploy(ACTOR, fresh, image)


def at_once(verbs: list[Any]) -> Counter[str]:
    """Runs them at the same moment; what became of each, in a word."""
    barrier, found = threading.Barrier(len(verbs)), Counter[str]()
    lock = threading.Lock()

    def run(verb: Any) -> None:
        try:
            barrier.wait(30)
            verb()
            word = "done"
        except Refused as refused:
            word = "no room" if "would be promised" in refused.message else refused.message
        except Exception as error:
            word = f"{type(error).__name__}: {error}"
        finally:
            connections.close_all()
        with lock:
            found[word] += 1

    threads = [threading.Thread(target=run, args=(verb,)) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return found


def promised(of: Host) -> int:
    return sum(
        int(content["memory"])
        for content in Instance.objects.filter(host=of, removed=None).values_list("place__config__content", flat=True)
    )


@pytest.mark.django_db(transaction=True)
def test_many_plans_at_the_same_moment_fill_a_host_and_not_more() -> None:
    only = host("h1", 1)  # 1 GiB, of which four times as much may be promised: eight of 512 MiB
    segment()
    rows = [service(f"s{n}") for n in range(12)]
    found = at_once([lambda place=place: deploy(place) for place in rows])
    assert found == {"done": 8, "no room": 4}
    assert promised(only) == 8 * 512 * MIB == only.memory * OVERCOMMIT_MEMORY
    assert Deployment.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_moves_and_releases_at_the_same_moment_share_the_room() -> None:
    old = host("h1", 1, memory=8192)
    segment()
    standing = [service(f"m{n}") for n in range(5)]
    for place in standing:
        stand(deploy(place))
    small = host("h2", 2)
    Segment.objects.get().hosts.set([old, small])
    Host.objects.filter(pk=old.pk).update(cordoned=True)
    new = [service(f"n{n}") for n in range(5)]
    verbs: list[Any] = [
        lambda place=place: moves.move(ACTOR, ServiceEnvironment.objects.get(pk=place.pk), [1]) for place in standing
    ]
    found = at_once(verbs + [lambda place=place: deploy(place) for place in new])
    assert found == {"done": 8, "no room": 2}, found
    coming = Step.objects.filter(action="move", host=small).count()
    assert coming + Instance.objects.filter(host=small, removed=None).count() == 8


def stand(row: Deployment) -> None:
    """As if it had run."""
    from containers.finish import finish
    from containers.models import Container

    for step in row.steps.select_related("instance__host"):
        Container.objects.create(
            instance=step.instance,
            host=step.instance.host,
            engine_id=f"c{step.pk}",
            image=step.image,
            config=step.config,
        )
        Instance.objects.filter(pk=step.instance_id).update(state="healthy")
    Image.objects.update(registry=registry(), digest="sha256:1")
    row.steps.update(state="done")
    finish(row.pk, "succeeded")


def registry() -> Any:
    from builds.models import Registry

    return Registry.objects.get_or_create(name="main", defaults={"address": "10.9.9.9:5000"})[0]


@pytest.mark.django_db
def test_a_first_release_under_way_is_counted() -> None:
    host("h1", 1)
    segment()
    first = service("first", memory="4g")
    deploy(first)  # it has not finished: nothing is current yet
    with pytest.raises(Refused, match="would be promised"):
        deploy(service("second"))


@pytest.mark.django_db
def test_a_release_that_raises_limits_is_counted_with_the_larger_ones() -> None:
    host("h1", 1)
    segment()
    place = service("grows", memory="256m")
    stand(deploy(place))
    places.save_config(ACTOR, ServiceEnvironment.objects.get(pk=place.pk), {"memory": "4g", "cpus": 0.1})
    deploy(place)
    with pytest.raises(Refused, match="would be promised"):
        deploy(service("second"))


@pytest.mark.django_db
def test_what_moves_there_is_counted_for_releases_too() -> None:
    old = host("h1", 1, memory=8192)
    segment()
    place = service("moves", memory="4g")
    stand(deploy(place))
    small = host("h2", 2)
    Segment.objects.get().hosts.set([old, small])
    moves.move(ACTOR, ServiceEnvironment.objects.get(pk=place.pk), [1], small)
    Host.objects.filter(pk=old.pk).update(cordoned=True)
    with pytest.raises(Refused, match="would be promised"):
        deploy(service("second"))
