"""The newest proposal of moves: the beat makes it every few minutes, since of a large fleet that takes longer than a page may.

What is begun is compared with the fleet as it is then (`rebalancing.begin`), so an old proposal misleads nobody.
"""

from __future__ import annotations

from dataclasses import astuple
from datetime import timedelta
from typing import Any

from django.utils import timezone

from containers.capacity import rebalancing
from containers.capacity.models import KeptMoves
from containers.capacity.rebalancing import Found
from containers.models import ServiceEnvironment
from containers.placement.rebalance import Move, Proposal
from hosts import unseen
from hosts.models import Host, HostGroup
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import hidden_names

FRESH = timedelta(minutes=15)  # an older one is not shown: whoever should make it does not
SHARES = ("before", "after", "rooms_before", "rooms_after")  # by key


def refresh() -> None:
    """Keeps what should move now."""
    made = timezone.now()
    found = rebalancing.find(Actor.system("capacity"))
    KeptMoves.objects.update_or_create(
        pk=1, defaults={"made": made, "proposal": _packed(found.proposal), "pinned": found.pinned}
    )


def newest(actor: Actor) -> Found:
    """What was kept lately, in names of now; else what should move now. Changes nothing."""
    require(actor, "fleet.read")
    row = KeptMoves.objects.filter(made__gt=timezone.now() - FRESH).first()
    if row is None:
        return rebalancing.find(actor)
    proposal, hidden = _unpacked(row.proposal), hidden_names(actor)
    places = ServiceEnvironment.objects.filter(pk__in={move.place for move in proposal.moves}).order_by()
    names = {
        pk: unseen.nameless() if slug in hidden else f"{slug}/{environment}"
        for pk, slug, environment in places.values_list("pk", "service__slug", "environment__slug")
    }
    hosts = dict(Host.objects.order_by().values_list("pk", "name"))
    rooms = {0: ""} | {group.pk: str(group) for group in HostGroup.objects.all()}
    there = all(move.place in names for move in proposal.moves) and hosts.keys() >= proposal.before.keys()
    if not there or not rooms.keys() >= proposal.rooms_before.keys():
        return rebalancing.find(actor)  # something of it was removed
    return Found(proposal, hosts, rooms, names, row.pinned, row.made)


def _packed(proposal: Proposal) -> dict[str, Any]:
    moves = [[*astuple(move)[:-1], sorted(move.repairs)] for move in proposal.moves]
    counts = {"broken_before": proposal.broken_before, "broken_after": proposal.broken_after}
    return {"moves": moves, **{name: getattr(proposal, name) for name in SHARES}, **counts}


def _unpacked(kept: dict[str, Any]) -> Proposal:
    moves = tuple(
        Move(place, key, old, new, deviation, frozenset(repairs))
        for place, key, old, new, deviation, repairs in kept["moves"]
    )
    shares = {name: {int(key): share for key, share in kept[name].items()} for name in SHARES}
    return Proposal(moves, **shares, broken_before=kept["broken_before"], broken_after=kept["broken_after"])
