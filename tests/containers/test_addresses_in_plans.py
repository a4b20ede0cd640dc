"""What a plan refuses for lack of addresses or networks, before anything is touched."""

from __future__ import annotations

import pytest

from containers.models import Deployment, Instance, ServiceEnvironment
from containers.services import releases
from hosts.models import Segment, SegmentNetwork
from tests.containers.conftest import World
from xqplatform.errors import Refused


def test_exhaustion_is_refused_in_the_plan_before_anything_is_touched(world: World) -> None:
    assert world.segment is not None
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    Segment.objects.filter(pk=world.segment.pk).update(pool="10.9.1.10-10.9.1.13")
    before = list(Instance.objects.values("pk", "state", "removed"))
    releases_before = Deployment.objects.count()
    with pytest.raises(Refused, match="1 more free address in segment"):
        releases.scale(world.actor, world.place, 5)
    ServiceEnvironment.objects.filter(pk=world.place.pk).update(wanted=5)
    world.place.refresh_from_db()
    with pytest.raises(Refused, match="1 more free address"):
        releases.deploy(world.actor, world.place, world.v2)
    assert not releases.preview(world.actor, world.place, world.v2).fits
    assert Deployment.objects.count() == releases_before
    assert list(Instance.objects.values("pk", "state", "removed")) == before


def test_a_host_whose_network_is_anothers_is_refused_in_the_plan(world: World) -> None:
    assert world.segment is not None
    row = SegmentNetwork.objects.create(
        segment=world.segment, host=world.hosts[0], state="no_interface", note="No br0."
    )
    plan = releases.preview(world.actor, world.place, world.v1)
    assert {entry.host_name for entry in plan.entries} == {"h2"}
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    Instance.objects.update(host=world.hosts[0])
    with pytest.raises(Refused, match=r"No br0\."):
        releases.deploy(world.actor, world.place, world.v2)
    row.delete()
    assert releases.preview(world.actor, world.place, world.v2).fits
