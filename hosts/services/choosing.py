"""Addresses that a person chose: whether they can be had, and keeping one until its instance can take it."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts.addresses import Choice, in_pool, mac_of, refusal
from hosts.models import Address, Segment
from hosts.services.addresses import exhausted, free_in, occupied, patient, siblings, take_over, words_of
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import closed_names
from xqplatform.errors import Refused

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
    values = {"ip": ip, "who": _who(row, holder)}
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
    words = _("%(ip)s rests for %(minutes)d min more after %(who)s: say why it has to be this one")
    return Choice(ip, note=words % {**values, "minutes": left}, rests=True)


def _who(row: Address, holder: str) -> str:
    """Who has it, in words that are kept in plans: services of closed teams are named to their like only."""
    service = row.holder.partition("/")[0]
    if service and service != holder.partition("/")[0] and service in closed_names():
        return _("a closed team")
    return row.holder or row.note or _("nobody named")


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


def first(segment: Segment, holder: str) -> Choice:
    """What the holder gets when nobody chooses: the address that is reserved for it, else the first free one."""
    kept = segment.addresses.filter(state=Address.State.RESERVED, holder=holder).order_by("number").first()
    if kept is not None:
        return judge(segment, kept.ip, holder)
    ip = next(iter(free_in(segment)), None)
    return Choice(ip, free=True) if ip else Choice("", why=exhausted(segment))


# --- Two addresses of one holder, while it changes from one to the other -------------------------------------------


@patient
def set_aside(segment: Segment, holder: str, ip: str, note: str) -> Address:
    """Reserves the address for its holder, who holds another one still. Raises Refused when it is not to be had."""
    with transaction.atomic():
        Segment.objects.select_for_update().get(pk=segment.pk)
        row = take_over(segment, holder, ip, state=Address.State.RESERVED, note=note)
        if row is None:
            choice = judge(segment, ip, holder)
            if choice.why:
                raise Refused(choice.why, "address")
            try:
                with transaction.atomic():
                    row = segment.addresses.create(
                        ip=ip,
                        mac=mac_of(ip),
                        state=Address.State.RESERVED,
                        holder=holder,
                        note=note,
                        since=timezone.now(),
                    )
            except IntegrityError:
                words = _("%(ip)s was taken by somebody else a moment ago. Choose another one.")
                raise Refused(words % {"ip": ip}, "address") from None
        live.bump("network")
    return row


@patient
def swap(held: Address, ip: str, note: str) -> Address:
    """The holder of `held` holds `ip` instead, which is reserved for it, and `held` is reserved in its place.

    Raises Refused, with nothing changed, when one of them is not the holder's any more.
    """
    with transaction.atomic():
        Segment.objects.select_for_update().get(pk=held.segment_id)
        rows, now = Address.objects.filter(segment=held.segment_id, holder=held.holder), timezone.now()
        other = rows.filter(ip=ip).exclude(state=Address.State.HELD).first()
        old = rows.filter(pk=held.pk, state=Address.State.HELD)
        if other is None or not old.update(state=Address.State.RESERVED, since=now, note=held.note or note):
            raise Refused(_("%(ip)s is not reserved for it any more.") % {"ip": ip}, "address")
        kept = "" if other.note == note else other.note
        rows.filter(pk=other.pk).update(state=Address.State.HELD, since=now, until=None, note=kept)
        other.refresh_from_db()
        live.bump("network")
    return other


@patient
def let_rest(segment: Segment, holder: str, old: str, new: str, note: str) -> None:
    """At the end of the change: whichever the holder does not hold rests; what a person had reserved stays reserved."""
    now = timezone.now()
    until = now + timedelta(minutes=settings.QUARANTINE_MINUTES)
    left = Address.objects.filter(segment=segment, holder=holder, state=Address.State.RESERVED)
    mine = left.filter(Q(ip=old) | Q(ip=new, note=note))
    clean = {"note": "", "conflict": "", "conflict_since": None}
    if mine.update(state=Address.State.QUARANTINE, since=now, until=until, **clean):
        live.bump("network")


@patient
def put_aside(address: Address, words: str) -> None:
    """A stranger answers on it: nobody gets it until somebody has looked."""
    with transaction.atomic():
        rows = Address.objects.filter(pk=address.pk).exclude(state=Address.State.HELD)
        if rows.update(state=Address.State.RESERVED, holder="", note=words[:250], since=timezone.now(), until=None):
            audit.record(
                Actor.system(),
                "address.conflict",
                address,
                before={"holder": address.holder},
                after={"note": words},
                parent=address.segment,
            )
            live.bump("network")
