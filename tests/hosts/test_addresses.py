"""The arithmetic of addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosts.addresses import free_addresses, mac_of, parse_ranges, pool_ranges, pool_size, refusal, within

networks = st.builds(
    lambda base, bits: str(IPv4Network((base, bits), strict=False)),
    st.integers(0x0A000000, 0x0AFFFFFF),
    st.integers(22, 30),
)


def test_the_mac_spells_the_address() -> None:
    assert mac_of("10.0.171.255") == "02:42:0a:00:ab:ff"


@given(st.ip_addresses(v=4))
def test_a_mac_is_local_unicast_and_names_one_address(ip: IPv4Address) -> None:
    octets = mac_of(str(ip)).split(":")
    assert int(octets[0], 16) & 0b11 == 0b10
    assert IPv4Address(bytes(int(o, 16) for o in octets[2:])) == ip


def test_ranges_are_read_in_many_spellings() -> None:
    assert parse_ranges("10.0.0.1 - 10.0.0.3, 10.0.0.9;10.1.0.0/31") == [
        (0x0A000001, 0x0A000003),
        (0x0A000009, 0x0A000009),
        (0x0A010000, 0x0A010001),
    ]
    assert parse_ranges("  ") == []


@pytest.mark.parametrize(
    "text", ["x", "10.0.0.300", "10.0.0.9-10.0.0.1", "10.0.0.1-", "-", "1-2-3", "::1", "10.0.0.0/33"]
)
def test_a_range_that_is_none_is_named(text: str) -> None:
    if text == "10.0.0.1-":
        assert parse_ranges(text) == [(0x0A000001, 0x0A000001)]
        return
    with pytest.raises(ValueError):
        parse_ranges(text)


@settings(deadline=None, max_examples=60)
@given(networks, st.data())
def test_what_is_free_is_in_the_pool_and_nobodys(cidr: str, data: st.DataObject) -> None:
    network = IPv4Network(cidr)
    inside = st.integers(int(network.network_address), int(network.broadcast_address))
    pick = data.draw(st.lists(st.tuples(inside, inside).map(sorted), max_size=3))
    kept = data.draw(st.lists(st.tuples(inside, inside).map(sorted), max_size=2))
    taken = {str(IPv4Address(n)) for n in data.draw(st.sets(inside, max_size=20))}
    gateway = str(IPv4Address(data.draw(inside)))

    def spell(ranges: list[list[int]]) -> str:
        return ", ".join(f"{IPv4Address(low)}-{IPv4Address(high)}" for low, high in ranges)

    free = list(free_addresses(cidr, spell(pick), taken, reserved=spell(kept), gateway=gateway))
    assert len(free) == len(set(free))
    expected = {
        str(ip)
        for ip in (network.hosts() if network.prefixlen < 31 else network)
        if (not pick or within(int(ip), [tuple(r) for r in pick]))  # type: ignore[misc]
        and not within(int(ip), [tuple(r) for r in kept])  # type: ignore[misc]
        and str(ip) not in taken
        and str(ip) != gateway
    }
    assert set(free) == expected
    ranges = pool_ranges(cidr, spell(pick), reserved=spell(kept), gateway=gateway)
    given = [number for first, last in ranges for number in range(first, last + 1)]
    assert given == sorted(
        int(IPv4Address(ip)) for ip in free_addresses(cidr, spell(pick), (), reserved=spell(kept), gateway=gateway)
    )
    assert all(one[1] < other[0] for one, other in pairwise(ranges))


def test_a_pool_is_counted_without_network_broadcast_gateway_and_reserved() -> None:
    assert pool_size("10.0.0.0/29", "", gateway="10.0.0.1") == 5
    assert pool_size("10.0.0.0/29", "10.0.0.0-10.0.0.7", reserved="10.0.0.2-10.0.0.3") == 4


def test_why_an_address_is_nobodys() -> None:
    assert refusal("10.0.0.0/24", "nonsense") == "not-an-address"
    assert refusal("10.0.0.0/24", "10.0.1.1") == "outside"
    assert refusal("10.0.0.0/24", "10.0.0.0") == "network"
    assert refusal("10.0.0.0/24", "10.0.0.255") == "broadcast"
    assert refusal("10.0.0.0/24", "10.0.0.1", gateway="10.0.0.1") == "gateway"
    assert refusal("10.0.0.0/24", "10.0.0.9", gateway="10.0.0.1") is None
