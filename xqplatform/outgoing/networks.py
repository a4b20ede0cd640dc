"""Where a call to an address that people name may go: it must not be a way into the platform's own network.

Allowed are the networks of whom it is for (a hook's: the segments of its place), public addresses where the caller says so, and
what `XQ_HOOK_NETWORKS` names. What is this machine itself, link-local (clouds keep their secrets there), multicast or nothing at all is allowed only when it is named there.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext as _

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(Exception):
    """No hook may go there; the text is for people."""


# Addresses that lead to others: an IPv4 network of the company's own may be behind them.
LEADING = [ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]


def judge(ip: Address, segments: Sequence[Network], named: Sequence[Network], *, public: bool = False) -> bool:
    """Whether a call may go to the address. Pure."""
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if any(ip in network for network in named if network.version == ip.version):
        return True
    if ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return False
    if public and ip.is_global and not any(ip in network for network in LEADING if network.version == ip.version):
        return True
    return any(ip in network for network in segments if network.version == ip.version)


def named() -> list[Network]:
    return [ipaddress.ip_network(text, strict=False) for text in settings.HOOK_NETWORKS]


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


def resolve(host: str, port: int, segments: Sequence[Network] = (), *, public: bool = False) -> str:
    """The one address that is then spoken to: looked up once, so that no second answer leads elsewhere. Raises NotAllowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotAllowed(_("%(host)s does not resolve to an address.") % {"host": host}) from None
    more = named()
    for entry in found:
        ip = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        own = is_own(ip)
        if not judge(ip, [] if own else segments, more, public=public and not own):
            words = _(
                "No hook may go to %(ip)s: only to the segments of its place, and to what XQ_HOOK_NETWORKS names."
            )
            if public:
                words = _(
                    "No call may go to %(ip)s: only to public addresses by https, and to what XQ_HOOK_NETWORKS names."
                )
            raise NotAllowed(words % {"ip": ip})
    return str(found[0][4][0])
