"""The ledger's verbs: who gets an address, who gives it back.

Two walls keep an address from being given twice: the segment's row is locked while one is chosen (PostgreSQL; SQLite
has one writer at a time anyway), and the unique constraint (segment, ip) refuses whoever came by another way; then the
next free one is tried.
"""

from __future__ import annotations

import functools
import random
import re
import time
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Address
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import ProtectedError, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts.addresses import Figures, clean_mac, free_addresses, mac_of, pool_size, refusal, reserved_count, usable
from hosts.models import Address, Host, SeenContainer, Segment
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

P = ParamSpec("P")
R = TypeVar("R")
TRIES = 20
SHOWN = 100  # addresses that one event names
HOLDER = re.compile(r"[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*/[1-9][0-9]{0,5}")


def patient(verb: Callable[P, R]) -> Callable[P, R]:
    """Tries again when the database was busy or broke a deadlock; not inside a caller's transaction, which is lost then."""

    @functools.wraps(verb)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return verb(*args, **kwargs)
        for attempt in range(TRIES):
            try:
                return verb(*args, **kwargs)
            except OperationalError as error:
                if attempt == TRIES - 1 or not re.search("locked|deadlock|serialize", str(error)):
                    raise
                time.sleep(random.uniform(0.01, 0.1))
        raise AssertionError("unreachable")

    return tried


def occupied(segment: Segment) -> set[str]:
    """Addresses that are not free although the ledger does not hold them: the hosts' own, and foreign containers'."""
    hosts = {
        ip
        for ip in map(own_ip, Host.objects.exclude(connection=Host.Connection.LOCAL).values_list("address", flat=True))
        if ip
    }
    strangers = SeenContainer.objects.filter(ours=False, host__segments=segment).exclude(ip="")
    engines = {engines_own(segment)} - {None}
    return hosts | set(strangers.values_list("ip", flat=True)) | {ip for ip in engines if ip}


def engines_own(segment: Segment) -> str | None:
    """The address that engines keep for themselves where the segment names no gateway: the lowest one."""
    return None if segment.gateway else str(IPv4Address(usable(segment.cidr)[0]))


def figures(segment: Segment) -> Figures:
    """The segment in numbers, reserved ranges counted."""
    rows = list(segment.addresses.values_list("ip", "state"))
    of = {state: [ip for ip, its in rows if its == state] for state in Address.State.values}
    return Figures(
        free=len(free_in(segment)),
        held=len(of["held"]),
        quarantine=len(of["quarantine"]),
        reserved=reserved_count(
            segment.cidr, segment.reserved, of["reserved"], [*of["held"], *of["quarantine"]], segment.gateway
        ),
        pool=pool_size(segment.cidr, segment.pool, reserved=segment.reserved, gateway=segment.gateway),
    )


def own_ip(address: str) -> str | None:
    """The IPv4 address in «root@10.0.0.5:22» or «10.0.0.5:2376»; None if it has a name instead."""
    found = re.search(r"(?:^|@|//)(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$", address)
    return found[1] if found else None


def words_of(why: str, ip: str, segment: Segment) -> str:
    return {
        "not-an-address": _("«%(ip)s» is not an IPv4 address."),
        "outside": _("%(ip)s lies outside %(cidr)s."),
        "network": _("%(ip)s is the address of the network itself."),
        "broadcast": _("%(ip)s is the broadcast address."),
        "gateway": _("%(ip)s is the gateway."),
    }[why] % {"ip": ip, "cidr": segment.cidr}


def free_in(segment: Segment) -> list[str]:
    """All free addresses of the segment's pool right now (for plans; only `allocate` promises one)."""
    taken = taken_in(segment)
    return list(free_addresses(segment.cidr, segment.pool, taken, reserved=segment.reserved, gateway=segment.gateway))


def taken_in(segment: Segment) -> set[str]:
    """What nobody can be given: addresses of the ledger, whatever their state, and those that are occupied beside it."""
    return _v4(occupied(segment) | set(segment.addresses.values_list("ip", flat=True)))


def _v4(ips: set[str]) -> set[str]:
    return {ip for ip in ips if ":" not in ip}


@patient
def allocate(
    segment: Segment, holder: str, *, chosen: str | None = None, actor: Actor | None = None, over: bool = False
) -> Address:
    """An address of the segment for the holder («snow/production/3»); the same again if it holds one already.

    A holder that comes back while its last address rests gets that one. `over`: the chosen address may be one that rests
    after somebody else, or is reserved for a sibling (see `hosts.services.choosing`). Raises Refused when the pool is
    exhausted or the chosen address is not to be had. With an actor the change is audited here; else the caller's own event
    tells of it.
    """
    if not holder:
        raise ValueError("An address needs a holder.")
    why = refusal(segment.cidr, chosen, gateway=segment.gateway) if chosen else None
    if chosen and why:
        raise Refused(words_of(why, chosen, segment), "address", 400)
    with transaction.atomic():
        segment = Segment.objects.select_for_update().get(pk=segment.pk)
        row = _held(segment, holder, chosen) or _kept(segment, holder, chosen)
        row = row or _back(segment, holder, chosen)
        if row is None and over and chosen:
            row = take_over(segment, holder, chosen)
        row = row or _next(segment, holder, chosen)
        if actor is not None:
            audit.record(actor, "address.hold", row, after={"holder": holder, "mac": row.mac}, parent=segment)
        live.bump("network")
    return row


def _held(segment: Segment, holder: str, chosen: str | None) -> Address | None:
    row = segment.addresses.filter(holder=holder, state=Address.State.HELD).first()
    if row is not None and chosen and row.ip != chosen:
        raise Refused(
            _("%(holder)s holds %(ip)s already; release it first.") % {"holder": holder, "ip": row.ip}, "address"
        )
    return row


def _kept(segment: Segment, holder: str, chosen: str | None) -> Address | None:
    """The address that somebody chose for this holder before it came."""
    rows = segment.addresses.filter(holder=holder, state=Address.State.RESERVED).order_by("number")
    row = (rows.filter(ip=chosen) if chosen else rows).first()
    changed = row is not None and Address.objects.filter(pk=row.pk, state=Address.State.RESERVED, holder=holder).update(
        state=Address.State.HELD, since=timezone.now(), mac=mac_of(row.ip)
    )
    if row is None or not changed:
        return None
    row.refresh_from_db()
    return row


def _back(segment: Segment, holder: str, chosen: str | None) -> Address | None:
    """The holder's own resting address: for it alone the quarantine has no point."""
    resting = segment.addresses.filter(holder=holder, state=Address.State.QUARANTINE).order_by("-since")
    row = (resting.filter(ip=chosen) if chosen else resting).first()
    if row is None or refusal(segment.cidr, row.ip, gateway=segment.gateway):
        return None
    return _take(row)


def _take(row: Address) -> Address | None:
    changed = Address.objects.filter(pk=row.pk, state=Address.State.QUARANTINE, holder=row.holder).update(
        state=Address.State.HELD, since=timezone.now(), until=None
    )
    if not changed:
        return None
    row.refresh_from_db()
    return row


def take_over(
    segment: Segment, holder: str, ip: str, *, state: Address.State = Address.State.HELD, note: str = ""
) -> Address | None:
    """The address, if it rests (whoever had it), or is reserved for the holder or a sibling of it; else None."""
    row = segment.addresses.filter(ip=ip).exclude(state=Address.State.HELD).first()
    if row is None or (row.state == Address.State.RESERVED and not siblings(row.holder, holder)):
        return None
    same = Address.objects.filter(pk=row.pk, state=row.state, holder=row.holder)
    kept = row.note if row.state == Address.State.RESERVED and row.note else note
    over = {"until": None, "mac": mac_of(ip), "note": kept, "conflict": "", "conflict_since": None}
    if not same.update(state=state, holder=holder, since=timezone.now(), **over):
        return None
    row.refresh_from_db()
    return row


def siblings(one: str, other: str) -> bool:
    """Instances of one service in one environment."""
    return bool(one) and one.rpartition("/")[0] == other.rpartition("/")[0]


def _next(segment: Segment, holder: str, chosen: str | None) -> Address:
    outside = _v4(occupied(segment))
    for _attempt in range(TRIES):
        taken = outside | set(segment.addresses.values_list("ip", flat=True))
        ip = _wish(segment, chosen, taken) if chosen else _first(segment, taken)
        try:
            with transaction.atomic():
                return segment.addresses.create(ip=ip, mac=mac_of(ip), holder=holder, since=timezone.now())
        except IntegrityError:
            # Somebody took it meanwhile, or gave this same holder one.
            row = segment.addresses.filter(holder=holder, state=Address.State.HELD).first()
            if row is not None:
                return row
    raise Refused(_("No address of %(segment)s could be taken: too many at once. Try again.") % {"segment": segment})


def _first(segment: Segment, taken: set[str]) -> str:
    free = free_addresses(segment.cidr, segment.pool, taken, reserved=segment.reserved, gateway=segment.gateway)
    ip = next(free, None)
    if ip is None:
        raise Refused(exhausted(segment), "segment")
    return ip


def exhausted(segment: Segment) -> str:
    rows = list(segment.addresses.values_list("state", "until"))
    resting = sorted(until for state, until in rows if state == Address.State.QUARANTINE and until)
    text = _(
        "No address is free in %(segment)s (%(cidr)s): %(held)s held, %(resting)s in quarantine, %(reserved)s reserved."
    ) % {
        "segment": segment,
        "cidr": segment.cidr,
        "held": sum(state == Address.State.HELD for state, _until in rows),
        "resting": len(resting),
        "reserved": figures(segment).reserved,
    }
    if resting:
        minutes = max(1, round((resting[0] - timezone.now()).total_seconds() / 60))
        text += " " + _("The next one is free in %(minutes)s min; or widen the pool.") % {"minutes": minutes}
    return text


def _wish(segment: Segment, chosen: str, taken: set[str]) -> str:
    row = segment.addresses.filter(ip=chosen).first()
    if row is not None:
        raise Refused(
            _("%(ip)s is not free: %(state)s, %(who)s.")
            % {"ip": chosen, "state": row.get_state_display(), "who": row.holder or row.note or _("nobody named")},
            "address",
        )
    if chosen in taken:
        raise Refused(_("%(ip)s is used by a host or by a foreign container.") % {"ip": chosen}, "address")
    return chosen


@patient
def release(address: Address, *, actor: Actor | None = None) -> None:
    """Lets the address rest for `QUARANTINE_MINUTES` (0: until the next sweep). Repeating it changes nothing."""
    with transaction.atomic():
        now = timezone.now()
        held = Address.objects.filter(pk=address.pk, state=Address.State.HELD)
        minutes = settings.QUARANTINE_MINUTES
        over = {"until": now + timedelta(minutes=minutes), "conflict": "", "conflict_since": None}
        if held.update(state=Address.State.QUARANTINE, since=now, **over):
            if actor is not None:
                audit.record(
                    actor, "address.release", address, before={"holder": address.holder}, parent=address.segment
                )
            live.bump("network")


@patient
def exchange(address: Address, note: str) -> Address:
    """Another address for the holder, since a stranger answers on this one, which stays reserved, with the note.

    Raises Refused, with nothing changed, when no other is free.
    """
    with transaction.atomic():
        segment = Segment.objects.select_for_update().get(pk=address.segment_id)
        holder, now = address.holder, timezone.now()
        held = Address.objects.filter(pk=address.pk, state=Address.State.HELD, holder=holder)
        if held.update(state=Address.State.RESERVED, holder="", note=note[:250], since=now):
            audit.record(
                Actor.system(),
                "address.conflict",
                address,
                before={"holder": holder},
                after={"note": note},
                parent=segment,
            )
        return allocate(segment, holder)


@patient
def end_quarantines() -> int:
    """Frees the addresses that have rested long enough; returns how many. One that a row still points at waits."""
    over = Address.objects.filter(state=Address.State.QUARANTINE, until__lte=timezone.now())
    segments = Segment.objects.filter(pk__in=over.values("segment")).order_by("pk")
    count = sum(len(_end_rest(segment, over.filter(segment=segment))) for segment in list(segments))
    if count:
        live.bump("network")
    return count


def _end_rest(segment: Segment, over: QuerySet[Address]) -> list[str]:
    """The same of one segment, with the event that tells of it."""
    freed = []
    with transaction.atomic():
        # (Locked one by one: a holder may have come back for its address meanwhile.)
        for pk in list(over.order_by("pk").values_list("pk", flat=True)):
            row = over.filter(pk=pk).select_for_update().first()
            if row is None:
                continue
            try:
                with transaction.atomic():
                    row.delete()
            except ProtectedError:
                continue
            freed.append(row.ip)
        if freed:
            after = {"count": len(freed), "addresses": freed[:SHOWN]}
            audit.record(Actor.system(), "address.rested", segment, after=after)
    return freed


@patient
def reserve(  # noqa: PLR0917
    actor: Actor, segment: Segment, ip: str, note: str = "", mac: str = "", holder: str = ""
) -> Address:
    """Keeps one address out of the pool: for a machine that the platform does not manage (with its MAC, if that is known),
    or for an instance to come (`holder`: «service/environment/number»), which then gets this one.
    """
    require(actor, "address.manage", obj=segment)
    ip, note, holder = ip.strip(), note.strip(), holder.strip()
    if len(note) > 250:
        raise Refused(_("At most 250 characters."), "note", 400)
    if holder and (len(holder) > 200 or not HOLDER.fullmatch(holder)):
        raise Refused(_("Write it as service/environment/number, such as snow/production/4."), "holder", 400)
    own = _mac(mac)
    if own and holder:
        raise Refused(_("An instance's MAC follows from its address: leave it empty."), "mac", 400)
    why = refusal(segment.cidr, ip, gateway=segment.gateway)
    if why:
        raise Refused(words_of(why, ip, segment), "ip", 400)
    with transaction.atomic():
        Segment.objects.select_for_update().get(pk=segment.pk)
        row = segment.addresses.filter(ip=ip).first()
        if row is not None and row.state == Address.State.RESERVED:
            raise Refused(
                _("%(ip)s is reserved already: %(note)s. Free it first, or choose another one.")
                % {"ip": ip, "note": row.note or row.holder or "–"},
                "ip",
            )
        if row is not None:
            raise Refused(
                _("%(ip)s is not free: %(state)s, %(who)s.")
                % {"ip": ip, "state": row.get_state_display(), "who": row.holder},
                "ip",
            )
        twin = segment.addresses.filter(mac=own).first() if own else None
        if twin is not None:
            raise Refused(
                _("%(mac)s is the MAC of %(ip)s already. One machine has one address here: free that one first.")
                % {"mac": own, "ip": twin.ip},
                "mac",
            )
        waiting = holder and segment.addresses.filter(holder=holder).exclude(state=Address.State.QUARANTINE).first()
        if waiting:
            raise Refused(
                _("%(holder)s has %(ip)s already: give that one back first.") % {"holder": holder, "ip": waiting.ip},
                "holder",
            )
        row = segment.addresses.create(
            ip=ip,
            mac=own or mac_of(ip),
            state=Address.State.RESERVED,
            holder=holder,
            note=note,
            since=timezone.now(),
        )
        after = {"note": note} | ({"mac": own} if own else {}) | ({"holder": holder} if holder else {})
        audit.record(actor, "address.reserve", row, after=after, parent=segment)
        live.bump("network")
    return row


def _mac(text: str) -> str:
    if not text.strip():
        return ""
    try:
        return clean_mac(text)
    except ValueError as error:
        words = {
            "broadcast": _("ff:ff:ff:ff:ff:ff is everybody's (broadcast). Write the MAC of the machine's own card."),
            "multicast": _(
                "«%(mac)s» is a group's (multicast: its first octet is odd), no card has it. Write the machine's own."
            ),
            "zero": _("All zeros is no card's MAC. Write the machine's own, or leave it empty."),
        }.get(str(error), _("«%(mac)s» is no MAC: write six pairs of hex digits, such as 02:42:0a:01:02:03."))
        raise Refused(words % {"mac": text.strip()[:40]}, "mac", 400) from None


@patient
def unreserve(actor: Actor, address: Address) -> None:
    """Puts a reserved address back into the pool."""
    require(actor, "address.manage", obj=address)
    with transaction.atomic():
        row = Address.objects.filter(pk=address.pk, state=Address.State.RESERVED).first()
        if row is None:
            raise Refused(_("%(ip)s is not reserved.") % {"ip": address.ip}, "ip")
        audit.record(actor, "address.unreserve", row, before={"note": row.note}, parent=row.segment)
        row.delete()
        live.bump("network")
