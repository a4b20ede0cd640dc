"""Addresses of the ledger that the inventories show on somebody else's container, too."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import labels
from hosts.models import Address, Host, SeenContainer, Segment
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

ON_THE_WIRE = ("running", "paused", "restarting")


def holds(container: SeenContainer, address: Address) -> bool:
    """Whether the container is the holder's own. Pure; during a release its old and its new one both are."""
    parts = address.holder.split("/")
    if not container.ours or len(parts) != 3:
        return False
    mine = (container.labels.get(labels.SERVICE), container.labels.get(labels.ENVIRONMENT))
    name = "-".join(parts)
    return mine == (parts[0], parts[1]) and container.name in {name, f"{name}-next"}


def words(address: Address, containers: Iterable[SeenContainer]) -> str:
    """Who else has the address; empty if nobody. Pure."""
    strangers = [one for one in containers if not holds(one, address)]
    twins = [one for one in strangers if one.ip != address.ip]
    strangers = [one for one in strangers if one.ip == address.ip]
    if not strangers and twins:
        named = _("%(container)s on %(host)s (%(ip)s)")
        who = ", ".join(sorted(named % {"container": c.name, "host": c.host, "ip": c.ip or "?"} for c in twins)[:3])
        return (_("Its MAC %(mac)s is used by %(who)s, too.") % {"mac": address.mac, "who": who})[:250]
    if not strangers:
        return ""
    named = ", ".join(
        _("%(container)s on %(host)s (MAC %(mac)s)") % {"container": c.name, "host": c.host, "mac": c.mac or "?"}
        for c in sorted(strangers, key=lambda c: (c.host.name, c.name))[:3]
    )
    return (_("%(ip)s is used by %(who)s, too.") % {"ip": address.ip, "who": named})[:250]


def look(host: Host) -> None:
    """Compares the ledger with what is seen, for the addresses that this host has or that are in conflict already."""
    for segment in host.segments.all():
        _look(segment, host)


def _look(segment: Segment, host: Host) -> None:
    there = SeenContainer.objects.filter(host=host, state__in=ON_THE_WIRE).exclude(ip="")
    used = Q(ip__in=there.values("ip")) | Q(mac__in=there.exclude(mac="").values("mac"))
    rows = list(segment.addresses.filter(Q(used, state=Address.State.HELD) | ~Q(conflict="")))
    if not rows:
        return
    # A host that does not answer shows what once was.
    seen = SeenContainer.objects.filter(
        Q(ip__in=[row.ip for row in rows]) | Q(mac__in=[row.mac for row in rows]),
        state__in=ON_THE_WIRE,
        host__segments=segment,
        host__state__in=Host.ANSWERING,
    ).select_related("host")
    by: dict[str, list[SeenContainer]] = {}
    for one in seen:
        by.setdefault(one.ip, []).append(one)
        by.setdefault(one.mac, []).append(one)
    for row in rows:
        users = list({one.pk: one for one in [*by.get(row.ip, []), *by.get(row.mac, [])]}.values())
        found = words(row, users) if row.state == Address.State.HELD else ""
        if found != row.conflict:
            _store(row, found, {one.host_id for one in users} | {host.pk})


def _store(row: Address, found: str, hosts: set[int]) -> None:
    """Compare and swap: of two workers that see the same, one writes."""
    since = row.conflict_since or timezone.now()
    with transaction.atomic():
        changed = Address.objects.filter(pk=row.pk, conflict=row.conflict).update(
            conflict=found, conflict_since=since if found else None
        )
        if not changed:
            return
        if not row.conflict:
            audit.record(Actor.system(), "address.conflict", row, after={"conflict": found}, parent=row.segment)
        elif not found:
            audit.record(Actor.system(), "address.clear", row, before={"conflict": row.conflict}, parent=row.segment)
        place = row.holder.split("/")
        pages = [f"run:{place[0]}:{place[1]}"] if len(place) == 3 else []  # of the service that holds it
        live.bump("network", "hosts", *pages, *(f"host:{pk}" for pk in hosts))


def on_host(host: Host) -> list[Address]:
    """The conflicts in which a container of this host has a part."""
    here = SeenContainer.objects.filter(host=host, state__in=ON_THE_WIRE).exclude(ip="").values("ip")
    return list(
        Address.objects.filter(ip__in=here, segment__hosts=host).exclude(conflict="").select_related("segment")[:20]
    )
