"""Addresses that a person chose: whether they can be had, and keeping one until its instance can take it."""

from __future__ import annotations

from ipaddress import IPv4Address

from django.utils import timezone
from django.utils.translation import gettext as _

from hosts.addresses import Choice, in_pool, refusal
from hosts.models import Address, Segment
from hosts.services.addresses import free_in, occupied, siblings, words_of

MOST_SHOWN = 256


def judge(segment: Segment, ip: str, holder: str) -> Choice:
    """Whether the holder («snow/production/3») can have the address. Changes nothing."""
    ip = ip.strip()
    wrong = refusal(segment.cidr, ip, gateway=segment.gateway)
    if wrong:
        return Choice(ip, why=words_of(wrong, ip, segment))
    ip = str(IPv4Address(ip))
    row = segment.addresses.filter(ip=ip).first()
    if row is None:
        return _unknown(segment, ip, holder)
    values = {"ip": ip, "who": row.holder or row.note or _("nobody named")}
    if row.state == Address.State.HELD:
        if row.holder == holder:
            return Choice(ip, why=_("It has %(ip)s already.") % values)
        return Choice(ip, why=_("%(ip)s is held by %(who)s.") % values)
    if row.state == Address.State.RESERVED:
        if not siblings(row.holder, holder):
            return Choice(ip, why=_("%(ip)s is reserved: %(who)s. Free it first, or choose another one.") % values)
        return Choice(ip, note=_("%(ip)s is reserved for %(who)s") % values)
    if row.holder == holder:
        return Choice(ip, note=_("%(ip)s was its own before") % values)
    left = max(1, round((row.until - timezone.now()).total_seconds() / 60)) if row.until else 1
    words = _(
        "%(ip)s rests for %(minutes)d min more: %(who)s had it, and neighbours and alerts may still know it so. To take it "
        "now, say why"
    )
    return Choice(ip, note=words % {**values, "minutes": left}, rests=True)


def _unknown(segment: Segment, ip: str, holder: str) -> Choice:
    if ip in occupied(segment):
        return Choice(ip, why=_("%(ip)s is used by a host or by a foreign container.") % {"ip": ip})
    if not in_pool(segment.cidr, segment.pool, ip, reserved=segment.reserved):
        words = _(
            "%(ip)s is not in the pool of %(segment)s (%(pool)s). Choose one that is, or have it reserved for %(holder)s."
        )
        values = {"ip": ip, "segment": segment, "pool": segment.pool or segment.cidr, "holder": holder}
        return Choice(ip, why=words % values)
    return Choice(ip, free=True)


def offered(segment: Segment, prefix: str) -> list[str]:
    """What a page offers: reserved for the service in this environment («snow/production/») first, then what is free."""
    kept = segment.addresses.filter(state=Address.State.RESERVED, holder__startswith=prefix)
    return [*kept.order_by("number").values_list("ip", flat=True), *free_in(segment)[:MOST_SHOWN]]
