"""Addresses are given once, rest after their release, and come back to who had them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from hosts.models import Address, Host, SeenContainer, Segment
from hosts.services import addresses
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

ACTOR = Actor.system()


@pytest.fixture
def segment(db: None) -> Segment:
    return Segment.objects.create(slug="room-a", cidr="10.7.0.0/24", gateway="10.7.0.1", pool="10.7.0.10-10.7.0.12")


def test_a_holder_gets_the_lowest_free_address_and_its_mac(segment: Segment) -> None:
    row = addresses.allocate(segment, "snow/production/1")
    assert (row.ip, row.mac, row.state) == ("10.7.0.10", "02:42:0a:07:00:0a", "held")


def test_asking_again_gives_the_same(segment: Segment) -> None:
    assert addresses.allocate(segment, "a").pk == addresses.allocate(segment, "a").pk


def test_exhaustion_is_a_refusal_that_counts(segment: Segment) -> None:
    for holder in "abc":
        addresses.allocate(segment, holder)
    addresses.release(Address.objects.get(holder="c"))
    with pytest.raises(Refused, match=r"2 held, 1 in quarantine, 0 reserved.*min"):
        addresses.allocate(segment, "d")


def test_a_released_address_rests_and_returns_to_its_holder_only(segment: Segment) -> None:
    first = addresses.allocate(segment, "a")
    addresses.release(first)
    addresses.release(first)
    first.refresh_from_db()
    assert first.state == "quarantine"
    assert first.until is not None
    assert addresses.allocate(segment, "b").ip == "10.7.0.11"
    assert addresses.allocate(segment, "a").ip == "10.7.0.10"


def test_a_quarantine_ends(segment: Segment) -> None:
    row = addresses.allocate(segment, "a")
    addresses.release(row)
    assert addresses.end_quarantines() == 0
    Address.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert addresses.end_quarantines() == 1
    assert addresses.allocate(segment, "b").ip == "10.7.0.10"


def test_a_chosen_address_may_lie_outside_the_pool(segment: Segment) -> None:
    assert addresses.allocate(segment, "a", chosen="10.7.0.200").ip == "10.7.0.200"


@pytest.mark.parametrize("chosen", ["10.7.0.0", "10.7.0.255", "10.7.0.1", "10.8.0.1", "x"])
def test_a_chosen_address_must_be_one_for_machines(segment: Segment, chosen: str) -> None:
    with pytest.raises(Refused):
        addresses.allocate(segment, "a", chosen=chosen)


def test_a_chosen_address_that_somebody_holds_is_refused_with_the_name(segment: Segment) -> None:
    addresses.allocate(segment, "snow/production/1", chosen="10.7.0.11")
    with pytest.raises(Refused, match="snow/production/1"):
        addresses.allocate(segment, "b", chosen="10.7.0.11")


def test_addresses_of_hosts_and_strangers_are_not_given(segment: Segment) -> None:
    host = Host.objects.create(name="h1", address="10.7.0.10:2376")
    segment.hosts.add(host)
    SeenContainer.objects.create(
        host=host, engine_id="e", name="n", state="running", ip="10.7.0.11", seen=timezone.now()
    )
    assert addresses.allocate(segment, "a").ip == "10.7.0.12"
    with pytest.raises(Refused):
        addresses.allocate(segment, "b", chosen="10.7.0.11")


def test_a_reserved_address_is_not_given_until_freed(segment: Segment) -> None:
    row = addresses.reserve(ACTOR, segment, "10.7.0.10", "printer")
    assert addresses.allocate(segment, "a").ip == "10.7.0.11"
    with pytest.raises(Refused, match="printer"):
        addresses.reserve(ACTOR, segment, "10.7.0.10")
    addresses.unreserve(ACTOR, row)
    assert addresses.allocate(segment, "b").ip == "10.7.0.10"
    with pytest.raises(Refused):
        addresses.unreserve(ACTOR, row)
    assert list(Event.objects.values_list("action", flat=True)) == ["address.unreserve", "address.reserve"]


@pytest.mark.django_db(transaction=True)
def test_200_allocations_of_16_workers_never_give_one_address_twice() -> None:
    segment = Segment.objects.create(slug="room-a", cidr="10.7.0.0/23", gateway="10.7.0.1")

    def take(number: int) -> str:
        try:
            # Every tenth number twice: a holder who asks twice at the same moment gets one address.
            return addresses.allocate(segment, f"s/e/{number // 2 if number % 10 < 2 else number + 1000}").ip
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        given = list(pool.map(take, range(200)))
    holders = dict(Address.objects.values_list("ip", "holder"))
    assert len(given) == 200
    assert set(given) == set(holders)
    assert len(set(holders.values())) == len(holders) == 180


@pytest.mark.django_db(transaction=True)
def test_holders_who_come_and_go_at_once_never_share_an_address() -> None:
    segment = Segment.objects.create(slug="room-a", cidr="10.7.0.0/24")

    def come_and_go(number: int) -> set[str]:
        try:
            seen = set()
            for _round in range(3):
                row = addresses.allocate(segment, f"s/e/{number}")
                seen.add(row.ip)
                addresses.release(row)
            return seen
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(come_and_go, range(16)))
    assert all(len(one) == 1 for one in seen), "each came back to its own"
    assert len(set.union(*seen)) == 16


# --- Reservations, MACs, figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mac", "why"),
    [
        ("ff:ff:ff:ff:ff:ff", "everybody's"),
        ("01:00:5e:00:00:01", "multicast"),
        ("33-33-00-00-00-01", "multicast"),
        ("00:00:00:00:00:00", "All zeros"),
        ("02:42:0a", "no MAC"),
        ("router", "no MAC"),
    ],
)
def test_a_mac_that_no_card_has_is_refused_with_what_to_do(segment: Segment, mac: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        addresses.reserve(ACTOR, segment, "10.7.0.23", "printer", mac)
    assert refused.value.field == "mac"
    assert re.search("[Ww]rite", refused.value.message)


def test_a_machine_is_reserved_with_its_mac_and_has_one_address(segment: Segment) -> None:
    row = addresses.reserve(ACTOR, segment, "10.7.0.23", "printer", "AABB.CC00.1122")
    assert row.mac == "aa:bb:cc:00:11:22"
    with pytest.raises(Refused, match=f"is the MAC of {row.ip} already"):
        addresses.reserve(ACTOR, segment, "10.7.0.24", "printer", "aa-bb-cc-00-11-22")
    with pytest.raises(Refused, match="reserved already"):
        addresses.reserve(ACTOR, segment, row.ip)


def test_an_address_chosen_for_an_instance_waits_for_it(segment: Segment) -> None:
    chosen = "10.7.0.24"
    addresses.reserve(ACTOR, segment, chosen, holder="snow/production/7")
    assert addresses.allocate(segment, "snow/production/1").ip != chosen
    row = addresses.allocate(segment, "snow/production/7")
    assert (row.ip, row.state) == (chosen, "held")
    for bad in ("snow", "snow/production/0", "Snow/x/1", "a/b/c"):
        with pytest.raises(Refused, match="service/environment/number"):
            addresses.reserve(ACTOR, segment, "10.7.0.23", holder=bad)
    with pytest.raises(Refused, match=r"has .* already"):
        addresses.reserve(ACTOR, segment, "10.7.0.23", holder="snow/production/7")


def test_reserved_ranges_are_counted_once(db: None) -> None:
    row = Segment.objects.create(
        slug="counted", cidr="10.60.0.0/24", gateway="10.60.0.1", reserved="10.60.0.0-10.60.0.9, 10.60.0.5-10.60.0.19"
    )
    addresses.reserve(ACTOR, row, "10.60.0.4", "in the range already")
    addresses.reserve(ACTOR, row, "10.60.0.200", "a printer")
    addresses.allocate(row, "snow/production/1", chosen="10.60.0.7")
    addresses.allocate(row, "snow/production/2")
    # .2 to .19 are 18, the printer one more, and .7 is held.
    found = addresses.figures(row)
    assert (found.reserved, found.held, found.quarantine) == (18, 2, 0)
    assert found.pool == 254 - 1 - 18
    assert found.free == found.pool - 2  # the printer, and what was given


def test_engines_keep_the_lowest_address_where_no_gateway_is_named(db: None) -> None:
    row = Segment.objects.create(slug="bare", cidr="10.61.0.0/29")
    assert addresses.allocate(row, "snow/production/1").ip == "10.61.0.2"


def test_a_move_to_another_host_keeps_the_address(segment: Segment) -> None:
    """The ledger knows holders, not hosts."""
    before = addresses.allocate(segment, "snow/production/1")
    segment.hosts.set([Host.objects.create(name="elsewhere", address="10.99.0.9:2376")])
    after = addresses.allocate(segment, "snow/production/1")
    assert (after.pk, after.ip, after.mac) == (before.pk, before.ip, before.mac)
