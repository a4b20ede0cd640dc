"""Addresses for many holders at once: the segment is locked and read once, not once for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from itertools import islice

from django.db import IntegrityError, transaction
from django.utils import timezone

from hosts.addresses import free_addresses, mac_of
from hosts.models import Address, Segment
from hosts.services import addresses
from xqplatform import live
from xqplatform.errors import Refused


def allocate_all(segment: Segment, holders: Sequence[str]) -> dict[str, Address]:
    """Holder → its address, as `addresses.allocate` would give it to one after the other; all of them or none.

    Whoever the ledger knows (it holds one, one rests or is kept for it) is asked for alone. Raises Refused when the pool is
    exhausted. The caller's own event tells of it.
    """
    if not holders:
        return {}
    with transaction.atomic():
        segment = Segment.objects.select_for_update().get(pk=segment.pk)
        known = set(segment.addresses.filter(holder__in=holders).values_list("holder", flat=True))
        found = {holder: addresses.allocate(segment, holder) for holder in holders if holder in known}
        found |= _next_ones(segment, [holder for holder in holders if holder not in known])
        live.bump("network")
    return found


def _next_ones(segment: Segment, holders: Sequence[str]) -> dict[str, Address]:
    taken = addresses.taken_in(segment)
    free = free_addresses(segment.cidr, segment.pool, taken, reserved=segment.reserved, gateway=segment.gateway)
    ips = list(islice(free, len(holders)))
    if len(ips) < len(holders):
        raise Refused(addresses.exhausted(segment), "segment")
    rows = [
        Address(
            segment=segment, ip=ip, number=int(IPv4Address(ip)), mac=mac_of(ip), holder=holder, since=timezone.now()
        )
        for holder, ip in zip(holders, ips, strict=True)
    ]
    try:
        with transaction.atomic():
            return {row.holder: row for row in Address.objects.bulk_create(rows)}
    except IntegrityError:  # somebody came by another way meanwhile: then one by one, each with the next that is free
        return {holder: addresses.allocate(segment, holder) for holder in holders}
