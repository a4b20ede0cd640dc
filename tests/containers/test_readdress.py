"""Another address for an instance that stands: rights, refusals, what is kept for it while it lasts and rests afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from containers.finish import finish
from containers.models import Container, Deployment, Instance
from containers.services import readdress, releases
from containers.services import settings as places
from hosts.models import Address, Host
from hosts.services import addresses, choosing
from tests.containers.conftest import World
from xqplatform.accounts.models import Team
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused


@pytest.fixture
def stands(world: World) -> World:
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    world.place.refresh_from_db()
    return world


def one(number: int = 1) -> Instance:
    return Instance.objects.select_related("place__service", "place__environment", "host", "address__segment").get(
        number=number, removed=None
    )


def ledger() -> dict[str, tuple[str, str]]:
    return {row.ip: (row.state, row.holder) for row in Address.objects.all()}


def switch(row: Deployment) -> None:
    """As if the work had got as far as the new container's health."""
    step = row.steps.get()
    held = step.instance.address
    assert held is not None
    new = choosing.swap(held, step.new_ip, f"#{row.pk}")
    Instance.objects.filter(pk=step.instance_id).update(address=new, ip=new.ip)
    row.steps.update(state="done")


def test_the_new_one_is_kept_for_it_and_the_old_one_rests_afterwards(stands: World) -> None:
    old = one().ip
    row = readdress.readdress(stands.actor, one(), "10.9.1.17", reason="the bank's list")
    step = row.steps.get()
    assert (row.kind, step.action, step.old_ip, step.new_ip) == ("address", "address", old, "10.9.1.17")
    assert step.image == step.old_image == stands.place.current_image
    assert ledger()["10.9.1.17"] == ("reserved", "snow/isolated/1")
    assert ledger()[old] == ("held", "snow/isolated/1")
    event = Event.objects.get(action="instance.address")
    assert (event.before, event.reason) == ({"address": old, "mac": "02:42:0a:09:01:0a"}, "the bank's list")
    assert event.after == {"address": "10.9.1.17", "mac": "02:42:0a:09:01:11", "deployment": row.pk}
    switch(row)
    assert ledger()[old] == ("reserved", "snow/isolated/1"), "nobody gets it as long as the way back is open"
    finish(row.pk, "succeeded")
    assert ledger()[old] == ("quarantine", "snow/isolated/1")
    assert Address.objects.get(ip=old).until is not None
    assert ledger()["10.9.1.17"] == ("held", "snow/isolated/1")
    assert (one().ip, Address.objects.get(ip="10.9.1.17").note) == ("10.9.1.17", "")
    row.refresh_from_db()
    assert "10.9.1.17 now" in row.outcome


@pytest.mark.parametrize("state", ["failed", "cancelled", "rolled_back"])
def test_what_was_not_taken_rests_too_and_the_old_one_stays(stands: World, state: str) -> None:
    old = one().ip
    row = readdress.readdress(stands.actor, one(), "10.9.1.17")
    finish(row.pk, state)
    assert ledger()[old] == ("held", "snow/isolated/1")
    assert ledger()["10.9.1.17"][0] == "quarantine"
    assert one().ip == old


def test_left_empty_it_is_the_first_free_one_and_what_a_person_reserved_stays_so(stands: World) -> None:
    assert readdress.preview(stands.actor, one()).entries[0].address == "10.9.1.13"
    assert stands.segment is not None
    addresses.reserve(stands.actor, stands.segment, "10.9.1.99", "on their list", holder="snow/isolated/9")
    row = readdress.readdress(stands.actor, one(), "10.9.1.99")
    assert row.steps.get().new_ip == "10.9.1.99"
    finish(row.pk, "failed")
    kept = Address.objects.get(ip="10.9.1.99")
    assert (kept.state, kept.note) == ("reserved", "on their list")


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("10.9.1.10", "It has 10.9.1.10 already"),
        ("10.9.1.11", "is held by snow/isolated/2"),
        ("10.4.4.4", "lies outside 10.9.1.0/24"),
        ("10.9.1.1", "is the gateway"),
        ("10.9.1.88", "not in the pool"),
        ("<b>", "is not an IPv4 address"),
    ],
)
def test_what_cannot_be_had_is_refused(stands: World, ip: str, words: str) -> None:
    before = ledger()
    assert words in readdress.preview(stands.actor, one(), ip).refusal()
    with pytest.raises(Refused, match=words):
        readdress.readdress(stands.actor, one(), ip)
    assert ledger() == before
    assert Deployment.objects.count() == 1


def test_not_during_a_release_nor_without_a_host_or_a_segment(stands: World) -> None:
    busy = releases.restart(stands.actor, stands.place, [2], "now")
    with pytest.raises(Refused, match=f"#{busy.pk}"):
        readdress.readdress(stands.actor, one())
    stands.finish(busy)
    Host.objects.filter(pk=one().host_id).update(state="unreachable")
    with pytest.raises(Refused, match="cannot be reached"):
        readdress.readdress(stands.actor, one())
    Host.objects.update(state="ready")
    row = readdress.readdress(stands.actor, one())
    with pytest.raises(Refused, match=f"#{row.pk}"):
        releases.restart(stands.actor, stands.place, [2])
    finish(row.pk, "failed")
    Instance.objects.filter(pk=one().pk).update(address=None)
    with pytest.raises(Refused, match="no address of a segment"):
        readdress.readdress(stands.actor, one())


def test_an_empty_pool_is_said_before_anything_is_stopped(stands: World) -> None:
    assert stands.segment is not None
    stands.segment.pool = "10.9.1.10-10.9.1.12"
    stands.segment.save()
    with pytest.raises(Refused, match="No address is free in seg"):
        readdress.readdress(stands.actor, one())


def test_one_that_rests_takes_a_reason(stands: World) -> None:
    assert stands.segment is not None
    addresses.release(addresses.allocate(stands.segment, "rain/isolated/1", chosen="10.9.1.17"))
    with pytest.raises(Refused, match="rests for") as refused:
        readdress.readdress(stands.actor, one(), "10.9.1.17")
    assert refused.value.field == "reason"
    readdress.readdress(stands.actor, one(), "10.9.1.17", reason="rain became snow")
    assert ledger()["10.9.1.17"] == ("reserved", "snow/isolated/1")


def test_its_folder_stays_and_that_is_confirmed_by_who_manages_hosts(stands: World, actor_dev: Any, team: Team) -> None:
    content = {"memory": "64m", "cpus": 1, "persist": True, "persist_in": "folder"}
    version = places.save_config(stands.actor, stands.place, content)
    Container.objects.update(config=version)
    with pytest.raises(Refused, match=r"data in \S+/10\.9\.1\.10, which stays"):
        readdress.readdress(stands.actor, one())
    plan = readdress.preview(stands.actor, one(), with_data=True)
    assert plan.fits
    assert "starts with another folder" in plan.entries[0].note
    with pytest.raises(Denied):
        readdress.readdress(actor_dev, one())
    stands.service.team = team
    stands.service.save()
    with pytest.raises(Denied):
        readdress.readdress(actor_dev, one(), with_data=True)
    assert readdress.readdress(stands.actor, one(), with_data=True).steps.count() == 1


def test_a_freed_reservation_ends_the_way_without_a_change(stands: World) -> None:
    row = readdress.readdress(stands.actor, one(), "10.9.1.17")
    kept = Address.objects.get(ip="10.9.1.17")
    addresses.unreserve(stands.actor, kept)
    held = one().address
    assert held is not None
    with pytest.raises(Refused, match="not reserved for it any more"):
        choosing.swap(held, "10.9.1.17", f"#{row.pk}")
    assert ledger()["10.9.1.10"] == ("held", "snow/isolated/1")
