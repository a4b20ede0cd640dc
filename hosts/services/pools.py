"""How many addresses all segments have left, in a few queries a segment whatever its size."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv4Address
from typing import NamedTuple

from django.db.models import Q

from hosts.addresses import pool_ranges, within
from hosts.models import Host, SeenContainer, Segment
from hosts.services.addresses import engines_own, own_ip


class Pool(NamedTuple):
    segment: int
    total: int  # that the pool can give
    free: int


def read() -> list[Pool]:
    """The same as `addresses.figures` says of each."""
    strangers: dict[int, set[int]] = defaultdict(set)
    seen = SeenContainer.objects.filter(ours=False).exclude(ip="").exclude(host__segments=None).order_by()
    for pk, address in seen.values_list("host__segments", "ip"):
        if ":" not in address:
            strangers[pk].add(int(IPv4Address(address)))
    named = Host.objects.exclude(connection=Host.Connection.LOCAL).order_by().values_list("address", flat=True)
    machines = {int(IPv4Address(ip)) for address in named if (ip := own_ip(address))}
    return [_pool(row, strangers[row.pk] | machines) for row in Segment.objects.all()]


def _pool(segment: Segment, others: set[int]) -> Pool:
    ranges = pool_ranges(segment.cidr, segment.pool, reserved=segment.reserved, gateway=segment.gateway)
    if not ranges:
        return Pool(segment.pk, 0, 0)
    total, inside = sum(last - first + 1 for first, last in ranges), Q()
    for one in ranges:
        inside |= Q(number__range=one)
    own = engines_own(segment)
    more = {number for number in others | ({int(IPv4Address(own))} if own else set()) if within(number, ranges)}
    ledger = segment.addresses.order_by()
    taken = ledger.filter(inside).count()
    if more:
        taken += len(more) - ledger.filter(number__in=more).count()
    return Pool(segment.pk, total, total - taken)
