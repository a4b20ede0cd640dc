"""The verbs of segments: what a network is, on which hosts, and what would break it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from hosts.addresses import Range, free_addresses, parse_ranges, refusal, usable
from hosts.models import Address, Host, Segment
from hosts.probe import interface
from hosts.services import networks
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

FIELDS = (
    "slug",
    "title",
    "cidr",
    "gateway",
    "pool",
    "reserved",
    "vlan",
    "driver",
    "bridge",
    "dns",
    "search",
    "mtu",
    "probe",
)
WIRING = ("slug", "cidr", "gateway", "driver", "bridge", "vlan", "mtu")  # what engines' networks are made of
WIDEST = 16  # a /16: the ledger and the grid walk through the addresses one by one
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
DOMAIN = re.compile(r"\.|(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


def create_segment(actor: Actor, data: Mapping[str, Any]) -> Segment:
    """A new segment; `data` holds FIELDS and `hosts` (rows or primary keys). Raises Refused with the field."""
    require(actor, "segment.manage", extra={"slug": str(data.get("slug", ""))[:60]})
    segment = Segment()
    return _save(actor, segment, data, "segment.create")


def change_segment(actor: Actor, segment: Segment, data: Mapping[str, Any]) -> Segment:
    """Changes what `data` names. The CIDR, the gateway and the wiring stay while addresses are held."""
    require(actor, "segment.manage", obj=segment)
    return _save(actor, Segment.objects.get(pk=segment.pk), data, "segment.change")


def remove_segment(actor: Actor, segment: Segment) -> None:
    """Forgets a segment that nobody holds an address of. The network on the engines is left as it is."""
    require(actor, "segment.manage", obj=segment)
    with transaction.atomic():
        Segment.objects.select_for_update().get(pk=segment.pk)
        held = segment.addresses.filter(state=Address.State.HELD).count()
        if held:
            raise Refused(
                _("%(n)s addresses of %(segment)s are held. Release them first.") % {"n": held, "segment": segment}
            )
        audit.record(actor, "segment.remove", segment, before=_facts(segment))
        try:
            segment.addresses.all().delete()
            segment.delete()
        except ProtectedError:
            raise Refused(_("%(segment)s is still named by settings of services.") % {"segment": segment}) from None
        live.bump("network")


def _facts(segment: Segment) -> dict[str, Any]:
    facts = {name: getattr(segment, name) for name in FIELDS}
    facts["hosts"] = sorted(segment.hosts.values_list("name", flat=True)) if segment.pk else []
    return facts


def _save(actor: Actor, segment: Segment, data: Mapping[str, Any], action: str) -> Segment:
    unknown = set(data) - {*FIELDS, "hosts"}
    if unknown:
        raise Refused(_("There is no field «%(field)s».") % {"field": min(unknown)}, min(unknown), 400)
    before = _facts(segment) if segment.pk else None
    for name in FIELDS:
        if name in data:
            setattr(segment, name, data[name])
    _clean(segment)
    hosts = _hosts(data["hosts"]) if "hosts" in data else list(segment.hosts.all()) if segment.pk else []
    with transaction.atomic():
        # One writer of segments at a time, so that two overlapping ones do not pass each other unseen (SQLite has
        # one writer anyway).
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE hosts_segment IN SHARE ROW EXCLUSIVE MODE")
        others = list(Segment.objects.select_for_update().exclude(pk=segment.pk).prefetch_related("hosts"))
        _check_beside(segment, hosts, others)
        if before is not None:
            _check_held(segment, before, hosts)
        try:
            with transaction.atomic():
                segment.save()
        except IntegrityError:
            raise Refused(_("There is a segment of this name already."), "slug") from None
        segment.hosts.set(hosts)
        if (
            before is None
            or any(before[name] != getattr(segment, name) for name in WIRING)
            or len(hosts) > len(before["hosts"])
        ):
            networks.look_soon(segment)
        old, new = audit.changed(before or {}, _facts(segment))
        if before is None or new:
            audit.record(actor, action, segment, before=old if before else None, after=new)
        live.bump("network", "hosts")
    return segment


def _hosts(given: Iterable[Any]) -> list[Host]:
    rows = []
    for one in given:
        row = one if isinstance(one, Host) else Host.objects.filter(**_key(one)).first()
        if row is None:
            raise Refused(_("There is no host «%(host)s».") % {"host": one}, "hosts", 400)
        rows.append(row)
    return rows


def _key(one: Any) -> dict[str, Any]:
    return {"pk": one} if isinstance(one, int) else {"name": str(one)}


def _text(value: Any) -> str:
    return str(value or "").strip()


def _clean(segment: Segment) -> None:
    """Brings every field into its stored shape, or refuses it by name."""
    segment.slug, segment.title = _text(segment.slug), _text(segment.title)
    if not SLUG.fullmatch(segment.slug):
        raise Refused(_("Small letters, digits, - and _; at most 60."), "slug", 400)
    if segment.slug == "new":
        raise Refused(_("«%(name)s» is the name of a page.") % {"name": segment.slug}, "slug", 400)
    if len(segment.title) > 120:
        raise Refused(_("At most 120 characters."), "title", 400)
    network = _network(_text(segment.cidr))
    segment.cidr = str(network)
    segment.gateway = _gateway(segment)
    segment.pool = _ranges(segment.pool, network, "pool")
    segment.reserved = _ranges(segment.reserved, network, "reserved")
    if (
        next(free_addresses(segment.cidr, segment.pool, (), reserved=segment.reserved, gateway=segment.gateway), None)
        is None
    ):
        raise Refused(_("Nothing of the pool is left to give: all of it is reserved."), "pool", 400)
    segment.vlan = _number(segment.vlan, 1, 4094, "vlan")
    segment.mtu = _number(segment.mtu, 576, 65535, "mtu")
    if segment.driver not in Segment.Driver.values:
        raise Refused(_("bridge or macvlan."), "driver", 400)
    segment.bridge = _text(segment.bridge)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", segment.bridge):
        raise Refused(_("The name of an interface: at most 15 letters, digits, dots or dashes."), "bridge", 400)
    if not isinstance(segment.probe, bool):
        raise Refused(_("Yes or no."), "probe", 400)
    segment.dns = [_dns(one) for one in _list(segment.dns)]
    segment.search = _list(segment.search)
    if len(segment.dns) > 3:
        raise Refused(_("A resolver reads at most three servers."), "dns", 400)
    for domain in segment.search:
        if len(domain) > 253 or not DOMAIN.fullmatch(domain):
            raise Refused(_("«%(text)s» is no domain.") % {"text": domain}, "search", 400)


def _network(text: str) -> IPv4Network:
    try:
        network = IPv4Network(text)
    except ValueError:
        try:
            right = IPv4Network(text, strict=False)
        except ValueError:
            raise Refused(_("Not an IPv4 network; write it like 10.1.2.0/24."), "cidr", 400) from None
        raise Refused(
            _("%(text)s has host bits set; did you mean %(right)s?") % {"text": text, "right": right}, "cidr", 400
        ) from None
    if "/" not in text or network.prefixlen > 30:
        raise Refused(_("Too small: a /30 at least."), "cidr", 400)
    if network.prefixlen < WIDEST:
        raise Refused(_("Too wide: a /%(bits)s at most.") % {"bits": WIDEST}, "cidr", 400)
    if network.is_multicast or network.is_loopback or network.is_unspecified or network.is_link_local:
        raise Refused(_("%(cidr)s is not a range for machines.") % {"cidr": network}, "cidr", 400)
    return network


def _gateway(segment: Segment) -> str | None:
    text = _text(segment.gateway)
    if not text:
        return None
    why = refusal(segment.cidr, text)
    if why == "not-an-address":
        raise Refused(_("Not an IPv4 address."), "gateway", 400)
    if why:
        raise Refused(
            _("%(ip)s is no address for a machine in %(cidr)s: the router has one from %(first)s to %(last)s.")
            % {"ip": text, "cidr": segment.cidr, **_span(segment.cidr)},
            "gateway",
            400,
        )
    return text


def _span(cidr: str) -> dict[str, IPv4Address]:
    low, high = usable(cidr)
    return {"first": IPv4Address(low), "last": IPv4Address(high)}


def _ranges(text: Any, network: IPv4Network, field: str) -> str:
    try:
        ranges: list[Range] = parse_ranges(_text(text))
    except ValueError as error:
        raise Refused(
            _("Cannot read «%(part)s»; write ranges like 10.1.2.10-10.1.2.200, 10.1.2.220.") % {"part": error},
            field,
            400,
        ) from None
    for low, high in ranges:
        for number in (low, high):
            if IPv4Address(number) not in network:
                raise Refused(
                    _("%(ip)s lies outside %(cidr)s.") % {"ip": IPv4Address(number), "cidr": network}, field, 400
                )
    tidy = ", ".join(
        str(IPv4Address(low)) if low == high else f"{IPv4Address(low)}-{IPv4Address(high)}" for low, high in ranges
    )
    if len(tidy) > 500:
        raise Refused(_("At most 500 characters."), field, 400)
    return tidy


def _number(value: Any, low: int, high: int, field: str) -> int | None:
    if value in (None, ""):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = low - 1
    if not low <= number <= high:
        raise Refused(_("A whole number from %(low)s to %(high)s.") % {"low": low, "high": high}, field, 400)
    return number


def _list(value: Any) -> list[str]:
    parts = re.split(r"[,;\s]+", value) if isinstance(value, str) else [str(one).strip() for one in value or []]
    return [one for one in parts if one]


def _dns(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise Refused(
            _("«%(text)s» is no IP address; a DNS server is named by its address.") % {"text": text}, "dns", 400
        ) from None


def _check_beside(segment: Segment, hosts: list[Host], others: list[Segment]) -> None:
    network, on = IPv4Network(segment.cidr), {host.pk for host in hosts}
    for other in others:
        if network.overlaps(IPv4Network(other.cidr)):
            raise Refused(
                _("%(cidr)s overlaps the segment %(other)s (%(its)s). Choose another range, or make that one smaller.")
                % {"cidr": network, "other": other, "its": other.cidr},
                "cidr",
            )
        both = [host.name for host in other.hosts.all() if host.pk in on]
        if both and interface(other) == interface(segment):
            raise Refused(
                _(
                    "%(host)s has the segment %(other)s on %(bridge)s already; an interface carries one segment a host. "
                    "Take the host off one of them, or give this segment an interface of its own."
                )
                % {"host": both[0], "other": other, "bridge": interface(segment)},
                "bridge",
            )


def _check_held(segment: Segment, before: Mapping[str, Any], hosts: list[Host]) -> None:
    """While addresses are held, what their containers were started with must stay."""
    held = list(segment.addresses.filter(state=Address.State.HELD).values_list("ip", flat=True))
    if not held:
        return
    for field in ("slug", "driver", "bridge", "vlan"):
        if before[field] != getattr(segment, field):
            raise Refused(_("%(n)s addresses are held: this cannot change meanwhile.") % {"n": len(held)}, field)
    for ip in held:
        if refusal(segment.cidr, ip, gateway=segment.gateway):
            raise Refused(
                _("%(ip)s is held and would not belong to the segment any more.") % {"ip": ip},
                "cidr" if before["cidr"] != segment.cidr else "gateway",
            )
