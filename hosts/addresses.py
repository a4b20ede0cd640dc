"""Decisions about addresses: ranges, what is free, and the MAC that belongs to an address. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

Range = tuple[int, int]  # first and last address as numbers, both inside


def mac_of(ip: str) -> str:
    """`02:42:` and the four octets in hex: the same address always has the same MAC, so no ARP cache is ever stale."""
    return "02:42:" + ":".join(f"{octet:02x}" for octet in IPv4Address(ip).packed)


def clean_mac(text: str) -> str:
    """`AA-BB-CC-DD-EE-FF`, `aabb.ccdd.eeff` or `aa:bb:cc:dd:ee:ff` in the last spelling. Raises ValueError with a word:
    not-a-mac, broadcast, multicast, zero.
    """
    digits = re.sub(r"[\s.:-]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise ValueError("not-a-mac")
    if digits == "f" * 12:
        raise ValueError("broadcast")
    if digits == "0" * 12:
        raise ValueError("zero")
    if int(digits[:2], 16) & 1:
        raise ValueError("multicast")
    return ":".join(digits[n : n + 2] for n in range(0, 12, 2))


@dataclass(frozen=True)
class Choice:
    """An address that somebody wishes. `why`: it cannot be had; `note`: worth knowing; `rests`: somebody else had it a
    moment ago, so it takes a reason; `free`: it is one of those that anybody may get.
    """

    ip: str
    why: str = ""
    note: str = ""
    rests: bool = False
    free: bool = False


@dataclass(frozen=True)
class Figures:
    """How the addresses of a segment divide; `reserved` counts single ones and those in reserved ranges."""

    free: int
    held: int
    quarantine: int
    reserved: int
    pool: int


def reserved_count(cidr: str, reserved: str, kept: Collection[str], other: Collection[str], gateway: str | None) -> int:
    """Addresses that are never given: those in reserved ranges and single ones (`kept`), each once; without the gateway and
    those that the ledger has otherwise (`other`).
    """
    low, high = usable(cidr)
    not_these = {int(IPv4Address(ip)) for ip in other} | ({int(IPv4Address(gateway))} if gateway else set())
    found = {int(IPv4Address(ip)) for ip in kept}
    for first, last in parse_ranges(reserved):
        found.update(range(max(first, low), min(last, high) + 1))
    return len(found - not_these)


def parse_ranges(text: str) -> list[Range]:
    """«10.1.2.10-10.1.2.200, 10.1.2.220, 10.1.3.0/28» as ranges in the order given.

    Raises ValueError with the part that cannot be read.
    """
    found: list[Range] = []
    for part in re.split(r"[,;\s]+", re.sub(r"\s*[-–]\s*", "-", text.strip())):
        if not part:
            continue
        try:
            if "/" in part:
                block = IPv4Network(part, strict=False)
                found.append((int(block.network_address), int(block.broadcast_address)))
                continue
            first, _, last = part.partition("-")
            low, high = int(IPv4Address(first)), int(IPv4Address(last or first))
        except ValueError:
            raise ValueError(part) from None
        if high < low:
            raise ValueError(part)
        found.append((low, high))
    return found


def within(number: int, ranges: Iterable[Range]) -> bool:
    return any(low <= number <= high for low, high in ranges)


def usable(cidr: str) -> Range:
    """The addresses that a machine may have: all but the network's own and the broadcast address (not in a /31 or /32)."""
    network = IPv4Network(cidr)
    low, high = int(network.network_address), int(network.broadcast_address)
    return (low, high) if network.prefixlen >= 31 else (low + 1, high - 1)


def free_addresses(
    cidr: str, pool: str, taken: Collection[str], *, reserved: str = "", gateway: str | None = None
) -> Iterator[str]:
    """The free addresses of the pool, lowest first in each of its ranges; an empty pool means the whole CIDR.

    `taken`: addresses that the ledger, the hosts themselves or strangers have.
    """
    low, high = usable(cidr)
    kept_out = parse_ranges(reserved)
    not_free = {int(IPv4Address(ip)) for ip in taken}
    if gateway:
        not_free.add(int(IPv4Address(gateway)))
    given: list[Range] = []
    for first, last in parse_ranges(pool) or [(low, high)]:
        number = max(first, low)
        while number <= min(last, high):
            jump = next((end for start, end in [*kept_out, *given] if start <= number <= end), None)
            if jump is not None:
                number = jump + 1
                continue
            if number not in not_free:
                yield str(IPv4Address(number))
            number += 1
        given.append((first, last))


def in_pool(cidr: str, pool: str, ip: str, *, reserved: str = "") -> bool:
    """Whether the pool could give the address, if nobody had it."""
    low, high = usable(cidr)
    number = int(IPv4Address(ip))
    inside = low <= number <= high and within(number, parse_ranges(pool) or [(low, high)])
    return inside and not within(number, parse_ranges(reserved))


def pool_size(cidr: str, pool: str, *, reserved: str = "", gateway: str | None = None) -> int:
    """How many addresses the pool can give at all."""
    return sum(last - first + 1 for first, last in pool_ranges(cidr, pool, reserved=reserved, gateway=gateway))


def pool_ranges(cidr: str, pool: str, *, reserved: str = "", gateway: str | None = None) -> list[Range]:
    """What the pool can give at all, as rising ranges of which none overlap."""
    low, high = usable(cidr)
    own = [(int(IPv4Address(gateway)),) * 2] if gateway else []
    kept_out = sorted([*parse_ranges(reserved), *own])
    found: list[Range] = []
    number = low
    for first, last in sorted(parse_ranges(pool)) or [(low, high)]:
        number = max(number, first)
        for start, end in kept_out:
            if start > last:
                break
            if number < start and number <= high:
                found.append((number, min(start - 1, high)))
            number = max(number, end + 1)
        if number <= min(last, high):
            found.append((number, min(last, high)))
        number = max(number, last + 1)
    return found


def refusal(cidr: str, ip: str, *, gateway: str | None = None) -> str | None:
    """Why nobody can ever have this address of the segment: outside, network, broadcast, gateway; None if one can."""
    try:
        number = int(IPv4Address(ip))
    except ValueError:
        return "not-an-address"
    network = IPv4Network(cidr)
    if IPv4Address(number) not in network:
        return "outside"
    low, high = usable(cidr)
    if number < low:
        return "network"
    if number > high:
        return "broadcast"
    return "gateway" if gateway and number == int(IPv4Address(gateway)) else None
