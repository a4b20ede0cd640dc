"""The verbs about segments' networks on engines: ask for one to be made, verified, made anew; and what workers then store."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import engine as edge
from hosts import helper, reality
from hosts.engine import EngineError
from hosts.models import Host, Segment, SegmentNetwork
from hosts.reality import Card, Reality
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

log = logging.getLogger(__name__)
LOOK_AGAIN = timedelta(minutes=10)  # at a host's interfaces, by a helper
WRONG = (SegmentNetwork.State.MISSING, SegmentNetwork.State.DIFFERS, SegmentNetwork.State.NO_INTERFACE)


def ask(actor: Actor, segment: Segment, host: Host, what: str = "verify") -> SegmentNetwork:
    """Has a worker verify the network on the host, and make it where it lacks; `remake`: remove it first, if nobody is on it.

    Look at the row that is returned: its `asked` is empty again when it is done. Raises Refused.
    """
    from hosts.tasks import verify_network

    require(actor, "segment.manage", obj=segment)
    if what not in {"verify", "remake"}:
        raise Refused(_("There is no such action."), "do", 400)
    if not segment.hosts.filter(pk=host.pk).exists():
        raise Refused(
            _("%(host)s is not on %(segment)s. Tick it in the segment's settings first.")
            % {"host": host, "segment": segment},
            "host",
        )
    with transaction.atomic():
        row, _made = SegmentNetwork.objects.get_or_create(segment=segment, host=host)
        SegmentNetwork.objects.filter(pk=row.pk).update(asked=what, asked_at=timezone.now(), note="")
        audit.record(actor, f"network.{what}", segment, after={"host": host.name}, parent=host)
        live.bump("network", f"host:{host.pk}")
        enqueue(verify_network, row.pk)
    row.refresh_from_db()
    return row


def look_soon(segment: Segment) -> None:
    """The segment was made or changed: workers look at its networks now, not only with the next inventory."""
    from hosts.tasks import verify_network

    for host in segment.hosts.all():
        row, _made = SegmentNetwork.objects.get_or_create(segment=segment, host=host)
        SegmentNetwork.objects.filter(pk=row.pk).update(interface_seen=None)
        enqueue(verify_network, row.pk)


def ask_all(actor: Actor, segment: Segment) -> int:
    """The same for all of its hosts; how many."""
    hosts = list(segment.hosts.all())
    for host in hosts:
        ask(actor, segment, host)
    return len(hosts)


def verify(row: SegmentNetwork) -> None:
    """A worker's part: does what was asked, else only looks. Stores what it saw; never raises for an engine."""
    asked = row.asked
    try:
        engine = edge.connect(row.host)
        card = _look_at_card(row, engine, at_once=bool(asked))
        made = False
        if asked == "remake":
            found = reality.remake(engine, row.segment, card=card)
        else:
            found, made = reality.verify(engine, row.segment, make=asked == "verify", card=card)
    except EngineError as error:
        store(row, Reality(reality.UNKNOWN, note=error.words or error.message), asked=asked)
        return
    store(row, found, asked=asked, made=made)


def _look_at_card(row: SegmentNetwork, engine: edge.Engine, *, at_once: bool) -> Card:
    now = timezone.now()
    if row.interface_seen is not None and row.interface_seen > now - LOOK_AGAIN and not at_once:
        return Card(row.interface, row.interface_mtu)
    try:
        card = reality.look_at_card(engine, row.segment)
    except helper.NoHelper as error:
        log.info("Interfaces of %s could not be seen: %s", row.host, error)
        card = Card()
    fields = {"interface": card.there, "interface_mtu": card.mtu, "interface_seen": now}
    SegmentNetwork.objects.filter(pk=row.pk).update(**fields)
    return card


def store(row: SegmentNetwork, found: Reality, *, asked: str = "", made: bool = False) -> None:
    """The row as it is now; a change to wrong and back again is an event."""
    now = timezone.now()
    known = found.state != reality.UNKNOWN
    with transaction.atomic():
        old = SegmentNetwork.objects.select_for_update(of=("self",)).get(pk=row.pk)
        note = found.note or ("" if asked or found.state != old.state else old.note)
        fields: dict[str, Any] = {"state": found.state, "differences": found.differences, "note": note}
        told = any(getattr(old, name) != value for name, value in fields.items()) or bool(asked)
        if known:
            fields["verified"] = now
        if old.state != found.state or old.since is None:
            fields["since"] = now
        if asked and old.asked == asked:
            fields["asked"] = ""
        SegmentNetwork.objects.filter(pk=row.pk).update(**fields)
        words = {"host": row.host.name, "state": found.state, "words": [one["words"] for one in found.differences]}
        if made:
            audit.record(Actor.system(), "network.made", row.segment, after=words, parent=row.host)
        # Seen for the first time and not there: nobody has made it yet, which is no change of anything.
        new = found.state == SegmentNetwork.State.MISSING and old.since is None
        if found.state in WRONG and found.state != old.state and known and not new:
            audit.record(Actor.system(), "network.wrong", row.segment, after=words | {"note": note}, parent=row.host)
        elif (
            found.state == reality.OK and old.state in WRONG and not made and old.state != SegmentNetwork.State.MISSING
        ):
            audit.record(Actor.system(), "network.right", row.segment, after=words, parent=row.host)
        if told:
            live.bump("network", f"host:{row.host_id}")


def look(host: Host) -> None:
    """After an inventory: every segment's network on this host, as it is; what was asked and got lost is done, too."""
    segments = list(host.segments.all())
    SegmentNetwork.objects.filter(host=host).exclude(segment__in=segments).delete()
    for segment in segments:
        row, _made = SegmentNetwork.objects.get_or_create(segment=segment, host=host)
        row.segment, row.host = segment, host
        if host.state not in Host.ANSWERING:
            store(
                row,
                Reality(reality.UNKNOWN, note=_("The host cannot be reached: %(why)s") % {"why": host.state_reason}),
            )
        else:
            verify(row)


def wrong_by_segment() -> dict[int, int]:
    """How many hosts of each segment have a network that is missing, differs or cannot be."""
    counts: dict[int, int] = {}
    for pk in SegmentNetwork.objects.filter(state__in=WRONG).values_list("segment_id", flat=True):
        counts[pk] = counts.get(pk, 0) + 1
    return counts


def rows_of(segment: Segment) -> list[SegmentNetwork]:
    """One row a host of the segment, by the host's name; not stored yet where nobody has looked."""
    stored = {row.host_id: row for row in segment.networks.select_related("host")}
    return [
        stored.get(host.pk) or SegmentNetwork(segment=segment, host=host) for host in segment.hosts.order_by("name")
    ]


def unusable(segment: Segment) -> dict[int, str]:
    """Hosts (their keys) where no container can be plugged in now, by what was last seen, with why."""
    found: dict[int, str] = {}
    for row in segment.networks.filter(state__in=WRONG):
        bad = [one["words"] for one in row.differences if one["what"] in {"driver", "CIDR"}]
        if row.state == SegmentNetwork.State.NO_INTERFACE:
            found[row.host_id] = row.note
        elif bad:
            found[row.host_id] = _("The network %(name)s is not the segment's: %(what)s") % {
                "name": segment.network_name,
                "what": " ".join(bad),
            }
    return found
