"""Where an HTTP hook may go: a hook must not be a way into the platform's own network.

Allowed are the segments of the service in its environment (whoever may write its hooks has instances there, and no hook of an
isolated environment is a way into production) and the networks that `XQ_HOOK_NETWORKS` names. What is this machine itself, link-local (clouds keep their secrets there), multicast or nothing at all is allowed only when it is named there.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext as _

from containers.models import ServiceEnvironment
from hosts.models import Segment

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(Exception):
    """No hook may go there; the text is for people."""


def judge(ip: Address, segments: Sequence[Network], named: Sequence[Network]) -> bool:
    """Whether a hook may go to the address. Pure."""
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if any(ip in network for network in named if network.version == ip.version):
        return True
    if ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return False
    return any(ip in network for network in segments if network.version == ip.version)


def named() -> list[Network]:
    return [ipaddress.ip_network(text, strict=False) for text in settings.HOOK_NETWORKS]


def of_place(service: str, environment: str) -> list[Network]:
    """The segments that the service has instances in, in the environment, and the one that new ones get their address from."""
    place = ServiceEnvironment.objects.filter(service__slug=service, environment__slug=environment)
    rows = place.select_related("segment", "environment__segment").first()
    if rows is None:
        return []
    own = rows.segment or rows.environment.segment
    held = Segment.objects.filter(addresses__instance__place=rows).values_list("cidr", flat=True)
    return [ipaddress.ip_network(cidr, strict=False) for cidr in {*held, *([own.cidr] if own is not None else [])}]


def is_own(ip: Address) -> bool:
    """Whether it is this machine's, which may stand in a segment itself: what goes there comes from there. (Nothing is sent.)"""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((str(ip), 9))
        except OSError:
            return False
        return ipaddress.ip_address(str(sock.getsockname()[0]).partition("%")[0]) == ip


def resolve(host: str, port: int, segments: Sequence[Network] = ()) -> str:
    """The one address that is then spoken to: looked up once, so that no second answer leads elsewhere. Raises NotAllowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotAllowed(_("%(host)s does not resolve to an address.") % {"host": host}) from None
    more = named()
    for entry in found:
        ip = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        if not judge(ip, [] if is_own(ip) else segments, more):
            words = _(
                "No hook may go to %(ip)s: only to the segments of its place, and to what XQ_HOOK_NETWORKS names."
            )
            raise NotAllowed(words % {"ip": ip})
    return str(found[0][4][0])
