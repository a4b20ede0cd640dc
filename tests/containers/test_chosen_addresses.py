"""Addresses that a person chooses for new instances: free ones, reserved ones, resting ones with a reason; else refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.models import Deployment, Instance
from containers.services import releases
from hosts.addresses import free_addresses, in_pool
from hosts.models import Address, Segment
from hosts.services import addresses
from tests.containers.conftest import World
from xqplatform.accounts.models import Team
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused


def has(number: int) -> str:
    one = Instance.objects.select_related("address").get(number=number, removed=None)
    assert one.address is not None
    assert (one.address.state, one.ip) == ("held", one.address.ip)
    return one.address.ip


def segment(world: World) -> Segment:
    assert world.segment is not None
    return world.segment


def test_some_are_chosen_and_the_others_get_what_is_free(world: World) -> None:
    # #3's wish is the first free one: #1 and #2 do not take it by chance.
    wish = {3: "10.9.1.10", 2: " 10.9.1.15 "}
    plan = releases.preview(world.actor, world.place, world.v1, addresses=wish)
    assert plan.fits, plan.refusal()
    assert {e.number: e.address for e in plan.entries} == {1: "new", 2: "10.9.1.15", 3: "10.9.1.10"}
    releases.deploy(world.actor, world.place, world.v1, addresses=wish)
    assert (has(1), has(2), has(3)) == ("10.9.1.11", "10.9.1.15", "10.9.1.10")
    event = Event.objects.get(action="service.deploy")
    assert event.after is not None
    assert event.after["addresses"] == {"#2": "10.9.1.15", "#3": "10.9.1.10"}


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("ten", "is not an IPv4 address"),
        ("10.8.0.7", "lies outside"),
        ("10.9.1.1", "is the gateway"),
        ("10.9.1.255", "broadcast"),
        ("10.9.1.77", "not in the pool of seg"),
        ("10.9.1.12", "is held by rain/isolated/1"),
        ("10.9.1.13", "is reserved: printer"),
        ("10.9.1.14", "is reserved: rain/isolated/2"),
    ],
)
def test_what_cannot_be_had_is_refused_with_its_reason_and_nothing_changes(world: World, ip: str, words: str) -> None:
    addresses.allocate(segment(world), "rain/isolated/1", chosen="10.9.1.12")
    addresses.reserve(world.actor, segment(world), "10.9.1.13", "printer")
    addresses.reserve(world.actor, segment(world), "10.9.1.14", holder="rain/isolated/2")
    plan = releases.preview(world.actor, world.place, world.v1, addresses={1: ip})
    assert words in plan.entries[0].problem
    assert plan.entries[0].chosen == ip
    with pytest.raises(Refused, match=words):
        releases.deploy(world.actor, world.place, world.v1, addresses={1: ip})
    assert not Deployment.objects.exists()
    assert Address.objects.count() == 3


def test_one_address_is_not_chosen_twice_nor_for_who_stands(world: World) -> None:
    with pytest.raises(Refused, match="chosen for #1 already"):
        releases.deploy(world.actor, world.place, world.v1, addresses={1: "10.9.1.12", 2: "10.9.1.12"})
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    with pytest.raises(Refused, match="for #2, #9"):
        releases.scale(world.actor, world.place, 4, addresses={2: "10.9.1.17", 9: "10.9.1.18"})
    releases.scale(world.actor, world.place, 4, addresses={4: "10.9.1.17"})
    assert has(4) == "10.9.1.17"


def test_reserved_for_the_service_it_may_lie_outside_the_pool(world: World) -> None:
    addresses.reserve(world.actor, segment(world), "10.9.1.77", "the bank knows it", holder="snow/isolated/9")
    assert (
        "reserved for snow/isolated/9"
        in releases.preview(world.actor, world.place, world.v1, addresses={1: "10.9.1.77"}).entries[0].note
    )
    releases.deploy(world.actor, world.place, world.v1, addresses={1: "10.9.1.77"})
    assert has(1) == "10.9.1.77"
    assert Address.objects.get(ip="10.9.1.77").holder == "snow/isolated/1"


def test_one_that_rests_takes_a_reason(world: World) -> None:
    addresses.release(addresses.allocate(segment(world), "rain/isolated/1", chosen="10.9.1.12"))
    wish = {1: "10.9.1.12"}
    plan = releases.preview(world.actor, world.place, world.v1, addresses=wish)
    assert plan.fits
    assert "say why" in plan.entries[0].note
    with pytest.raises(Refused, match="rests for") as refused:
        releases.deploy(world.actor, world.place, world.v1, addresses=wish, reason="  ")
    assert refused.value.field == "reason"
    assert Address.objects.get().state == "quarantine"
    releases.deploy(world.actor, world.place, world.v1, addresses=wish, reason="rain became snow")
    assert has(1) == "10.9.1.12"
    row = Address.objects.get(ip="10.9.1.12")
    assert (row.holder, row.until) == ("snow/isolated/1", None)


def test_chosen_ones_count_as_the_places_they_take(world: World) -> None:
    Segment.objects.update(pool="10.9.1.10-10.9.1.12")
    wish = {1: "10.9.1.11"}
    assert releases.preview(world.actor, world.place, world.v1, addresses=wish).fits
    addresses.allocate(segment(world), "rain/isolated/1")
    with pytest.raises(Refused, match="1 more free address in segment"):
        releases.deploy(world.actor, world.place, world.v1, addresses=wish)


def test_without_a_segment_or_a_release_there_is_nothing_to_choose(world: World) -> None:
    with pytest.raises(Refused, match="with the first release"):
        releases.scale(world.actor, world.place, 3, addresses={1: "10.9.1.12"})
    world.environment.segment = None
    world.environment.save()
    world.place.refresh_from_db()
    with pytest.raises(Refused, match="have no segment"):
        releases.deploy(world.actor, world.place, world.v1, addresses={1: "10.9.1.12"})


def test_who_may_not_touch_instances_may_not_choose(
    world: World, actor_manager: Any, actor_dev: Any, team: Team
) -> None:
    for actor in (actor_manager, actor_dev):
        with pytest.raises(Denied):
            releases.preview(actor, world.place, world.v1, addresses={1: "10.9.1.12"})
    world.service.team = team
    world.service.save()
    place = type(world.place).objects.get(pk=world.place.pk)
    assert releases.deploy(actor_dev, place, world.v1, addresses={1: "10.9.1.12"}).created_name == actor_dev.name


@given(
    pool=st.sampled_from(["", "10.0.0.4-10.0.0.20", "10.0.0.0/28, 10.0.0.24", "10.0.0.8-10.0.0.200"]),
    reserved=st.sampled_from(["", "10.0.0.6-10.0.0.9", "10.0.0.0/29"]),
    last=st.integers(0, 31),
)
def test_in_the_pool_is_what_the_pool_would_give(pool: str, reserved: str, last: int) -> None:
    cidr, ip = "10.0.0.0/27", f"10.0.0.{last}"
    assert in_pool(cidr, pool, ip, reserved=reserved) == (ip in free_addresses(cidr, pool, (), reserved=reserved))
