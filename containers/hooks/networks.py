"""Which networks are a place's own: where its HTTP hooks may go (`xqplatform.outgoing.networks` says where else)."""

from __future__ import annotations

import ipaddress

from containers.models import ServiceEnvironment
from hosts.models import Segment
from xqplatform.outgoing.networks import Network


def of_place(service: str, environment: str) -> list[Network]:
    """The segments that the service has instances in, in the environment, and the one that new ones get their address from."""
    place = ServiceEnvironment.objects.filter(service__slug=service, environment__slug=environment)
    rows = place.select_related("segment", "environment__segment").first()
    if rows is None:
        return []
    own = rows.segment or rows.environment.segment
    held = Segment.objects.filter(addresses__instance__place=rows).values_list("cidr", flat=True)
    return [ipaddress.ip_network(cidr, strict=False) for cidr in {*held, *([own.cidr] if own is not None else [])}]
