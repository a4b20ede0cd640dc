"""Rebalancing the fleet as it stands: what should move (`containers.placement.rebalance`), and the moves begun."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.capacity.models import KeptMoves
from containers.capacity.whatif import gather
from containers.capacity.whatif.model import Fleet
from containers.models import Deployment, Instance, ServiceEnvironment
from containers.placement import Demand
from containers.placement.rebalance import MOST, Move, Piece, Proposal, propose
from containers.services import holders, moves
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Denied, Refused
from xqplatform.work import enqueue

MOST_WORDS = 10  # refusals in one answer
WHY = {  # instances stay where they are
    "busy": gettext_lazy("a release is under way"),
    "unmade": gettext_lazy("nothing was released that they could be made of"),
    "data": gettext_lazy("their data lies on their host"),
}


@dataclass(frozen=True)
class Found:
    """What is proposed. `mark` tells it from any other proposal; `pinned`: key of `WHY` → instances that it leaves where they are;
    `names`: of places, nameless where a closed team owns them; `made`: when it was, None: now.
    """

    proposal: Proposal
    hosts: Mapping[int, str]
    rooms: Mapping[int, str]
    names: Mapping[int, str]
    pinned: Mapping[str, int] = field(default_factory=dict)
    made: datetime | None = None

    @property
    def mark(self) -> str:
        told = ";".join(f"{move.place}:{move.key}:{move.old}>{move.new}" for move in self.proposal.moves)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def stays(self) -> dict[str, int]:
        """In words."""
        return {str(WHY[key]): count for key, count in self.pinned.items()}


@dataclass
class Begun:
    """The moves that were begun, and why others were not."""

    deployments: list[Deployment] = field(default_factory=list)
    instances: int = 0
    refused: list[str] = field(default_factory=list)


def find(actor: Actor) -> Found:
    """What should move now. Changes nothing."""
    require(actor, "fleet.read")
    fleet = gather.fleet(actor)
    pieces = list(_pieces(fleet))
    pinned: dict[str, int] = defaultdict(int)
    for piece in pieces:
        if piece.pinned:
            pinned[piece.pinned] += piece.count
    return Found(
        propose(fleet.hosts, pieces),
        {host.pk: host.name for host in fleet.hosts},
        {host.room: host.room_name for host in fleet.hosts},
        {one.one.place: one.name for one in fleet.places},
        dict(pinned),
    )


def _pieces(fleet: Fleet) -> Iterable[Piece]:
    rows = ServiceEnvironment.objects.order_by()
    busy = set(rows.filter(active__isnull=False).values_list("pk", flat=True))
    made = set(rows.filter(current_image__isnull=False).values_list("pk", flat=True))
    kinds = {host.pk: host.architecture for host in fleet.hosts}
    asked: dict[tuple[int, int | None, str], Demand] = {}  # of thousands of pieces most are alike
    for place in fleet.places:
        pk = place.one.place
        pinned = "busy" if pk in busy else "unmade" if pk not in made else "data" if place.data else ""
        for held in place.held:
            key = pk, held.segment, kinds.get(held.host, "")
            if key not in asked:
                asked[key] = replace(place.one, segment=held.segment, key=held.segment or 0, architecture=key[2])
            yield Piece(asked[key], held.host, held.count, pinned)


def begin(actor: Actor, count: int, mark: str, reason: str = "") -> Begun:
    """Begins the first `count` moves of the proposal that was looked at, a deployment of kind «move» a place.

    Each is asked for its right and planned as any move is; what is refused is told and does not keep back the others, and a right that
    lacks stands in the audit log. Raises Refused when the proposal is another one by now, or when no move could be begun.
    """
    require(actor, "fleet.read")
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    found = find(actor)
    if not 1 <= count <= MOST:
        raise Refused(_("A number from 1 to %(most)s.") % {"most": MOST}, "count", 400)
    if mark != found.mark:
        raise Refused(_("The fleet has changed since: look at what should move now."), "mark")
    wanted: dict[int, list[Move]] = defaultdict(list)
    for move in found.proposal.moves[:count]:
        wanted[move.place].append(move)
    begun = Begun()
    _without_right(actor, wanted, found, begun)
    with transaction.atomic():
        # All places before the first one takes the lock of all plans: else a release of a later one waits for that lock, and we for it.
        for place in ServiceEnvironment.objects.filter(pk__in=wanted):  # by their names, as all who lock several
            holders.lock(place)
        for pk, mine in wanted.items():
            why = _("rules of placement are kept again") if any(m.repairs for m in mine) else _("hosts are evened out")
            try:
                row, count = _begin(actor, pk, mine, reason or why)
            except Refused as refused:
                begun.refused.append(f"{found.names[pk]}: {refused.message}")
            else:
                begun.deployments.append(row)
                begun.instances += count
        if not begun.deployments:
            raise Refused(" ".join(begun.refused[:MOST_WORDS]) or _("There is nothing to move."))
        after = {"moves": begun.instances, "deployments": [row.pk for row in begun.deployments]}
        audit.record(actor, "capacity.rebalance", None, after=after, reason=reason, name="fleet")
        _outdate()
    return begun


def _outdate() -> None:
    """What was kept holds no more."""
    from containers.capacity.tasks import propose_moves

    KeptMoves.objects.all().delete()
    enqueue(propose_moves)


def _without_right(actor: Actor, wanted: dict[int, list[Move]], found: Found, begun: Begun) -> None:
    """Takes out what the actor may not move. Before the transaction: the event of a denied attempt must stay."""
    for place in ServiceEnvironment.objects.filter(pk__in=wanted).select_related("service", "environment"):
        try:
            require(actor, "service.operate", **place.at, obj=place)
        except Denied:
            del wanted[place.pk]
            why = _("you may not move its instances.")  # outside of the f-string: xgettext does not look into one
            begun.refused.append(f"{found.names[place.pk]}: {why}")


def _begin(actor: Actor, pk: int, mine: list[Move], reason: str) -> tuple[Deployment, int]:
    rows = ServiceEnvironment.objects.select_related(
        "service", "environment", "segment", "environment__segment", "current_image", "current_config", "config"
    )
    place = rows.get(pk=pk)
    each = _numbers(place, mine)
    return moves.move(actor, place, list(each), reason=reason, each=each), len(each)


def _numbers(place: ServiceEnvironment, mine: list[Move]) -> dict[int, int]:
    """Number → host: of the instances on a host those with the highest numbers go."""
    standing: dict[tuple[int, int], list[int]] = defaultdict(list)
    rows = Instance.objects.filter(place=place, removed=None).order_by("number")
    for number, host, segment in rows.values_list("number", "host_id", "address__segment_id"):
        standing[host, segment or 0].append(number)
    return {standing[move.old, move.key].pop(): move.new for move in mine if standing[move.old, move.key]}
