"""Draining a host: its instances move to other hosts, each service by its own release rules, until it is empty.

A drain is a row; `advance` looks at what stands on the host and what is under way, and begins what can begin. It is told by
every release that ends, and by the beat: any process may die in between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.models import Deployment, Drain, Instance, ServiceEnvironment, Step
from containers.moving import Wish
from containers.plan import Plan
from containers.services import holders, moves, steering
from containers.services.planning import config_of
from hosts import unseen
from hosts.models import Host
from hosts.services import machines
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import hidden_names
from xqplatform.errors import Refused
from xqplatform.work import enqueue

PLACES_AT_ONCE = 4  # services × environments that move at the same time, so that a drain is no storm
Json = dict[str, Any]


@dataclass
class Preview:
    """What a drain would do: a plan for each service × environment."""

    plans: list[tuple[ServiceEnvironment, Plan]] = field(default_factory=list)

    @property
    def moves(self) -> int:
        return sum(not entry.problem for _place, plan in self.plans for entry in plan.entries)

    @property
    def stays(self) -> int:
        return sum(bool(entry.problem) for _place, plan in self.plans for entry in plan.entries)

    @property
    def services(self) -> int:
        return len({place.service_id for place, _plan in self.plans})

    @property
    def reasons(self) -> list[str]:
        """Why something cannot move, each reason once."""
        return list(dict.fromkeys(entry.problem for _p, plan in self.plans for entry in plan.entries if entry.problem))


def preview(actor: Actor, host: Host, *, fenced: bool = False, with_data: bool = False) -> Preview:
    """What `drain` would do now. Changes nothing."""
    require(actor, "read", obj=host)
    promised: dict[int, tuple[float, int, int]] = {}
    found = Preview()
    for place, numbers in _standing(host):
        plan = moves.plan_for(place, numbers, Wish(None, fenced, with_data), promised=promised)
        found.plans.append((place, plan))
        config = config_of(place.current_config or place.config)
        for entry in plan.entries:
            if not entry.problem:
                cpus, memory, count = promised.get(entry.host, (0.0, 0, 0))
                promised[entry.host] = (cpus + config.cpus, memory + config.memory, count + 1)
    return found


def drain(actor: Actor, host: Host, reason: str = "", *, fenced: bool = False, with_data: bool = False) -> Drain:
    """Cordons the host and moves its instances away, place by place.

    `fenced`: somebody made sure that the host, which cannot be reached, is off; `with_data`: instances with data on it move,
    too, and start without it.
    """
    from containers.tasks import drain as task

    require(actor, "host.manage", obj=host)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    try:
        with transaction.atomic():
            locked = Host.objects.select_for_update().get(pk=host.pk)
            _refuse_twice(locked)
            if locked.state in {Host.State.RETIRED, Host.State.NEW}:
                raise Refused(_("%(host)s is %(state)s.") % {"host": locked, "state": locked.get_state_display()})
            if locked.state == Host.State.UNREACHABLE and not fenced:
                words = _(
                    "%(host)s cannot be reached, so its instances may well run on there. Make sure that the machine is off, "
                    "and confirm it."
                )
                raise Refused(words % {"host": locked}, "fenced")
            total = Instance.objects.filter(host=locked, removed=None).count()
            machines.begin_drain(actor, locked, reason)
            row = Drain.objects.create(
                host=locked,
                reason=reason.strip(),
                total=total,
                fenced=fenced,
                with_data=with_data,
                created_by=actor.user,
                created_name=actor.name,
            )
            enqueue(task, row.pk)
    except IntegrityError:
        _refuse_twice(host)
        raise
    return row


def _refuse_twice(host: Host) -> None:
    row = active_of(host)
    if row is not None:
        raise Refused(
            _("%(who)s drains %(host)s already: %(why)s")
            % {"who": row.created_name, "host": host, "why": row.reason or _("no reason was given")}
        )


def active_of(host: Host) -> Drain | None:
    return Drain.objects.filter(host=host, state=Drain.State.ACTIVE).first()


def cancel(actor: Actor, host: Host, reason: str = "") -> Drain:
    """No further instance moves; what is under way is finished. The host stays cordoned."""
    require(actor, "host.manage", obj=host)
    with transaction.atomic():
        Host.objects.select_for_update().get(pk=host.pk)
        row = active_of(host)
        if row is None:
            raise Refused(_("%(host)s is not being drained.") % {"host": host})
        _end(row, Drain.State.CANCELLED)
        machines.end_drain(actor, host, "host.drain.cancel", reason)
    return row


def _end(row: Drain, state: str) -> bool:
    """Compare and swap; the moves of a drain that is given up begin no further instance."""
    now = timezone.now()
    changed = Drain.objects.filter(pk=row.pk, state=Drain.State.ACTIVE).update(state=state, finished=now, waits=[])
    if not changed:
        return False
    row.state, row.finished, row.waits = state, now, []
    for release in row.deployments.filter(state__in=Deployment.ACTIVE):
        try:
            steering.cancel(_actor(row), release, _("the drain of %(host)s was cancelled") % {"host": row.host})
        except Refused:
            continue  # it is on its way back, or over
    live.bump("hosts", f"host:{row.host_id}")
    return True


def retry(actor: Actor, host: Host) -> Drain:
    """Tries again what failed."""
    from containers.tasks import drain as task

    require(actor, "host.manage", obj=host)
    with transaction.atomic():
        row = active_of(host)
        if row is None:
            raise Refused(_("%(host)s is not being drained.") % {"host": host})
        row.retried = timezone.now()
        row.save(update_fields=["retried"])
        audit.record(actor, "host.drain.retry", host, reason=row.reason)
        enqueue(task, row.pk)
    return row


def _actor(row: Drain) -> Actor:
    """Who moves the instances: the platform, for the person that drains."""
    return Actor.system(row.created_name or "platform")


def advance(pk: int) -> None:
    """Begins what can begin now, notes what waits and what does not go on by itself, ends when the host is empty."""
    row = Drain.objects.select_related("host").filter(pk=pk, state=Drain.State.ACTIVE).first()
    if row is None:
        return
    if not row.host.draining:  # uncordoned meanwhile
        _end(row, Drain.State.CANCELLED)
        return
    standing = _standing(row.host)
    if not standing and not row.deployments.filter(state__in=Deployment.ACTIVE).exists():
        with transaction.atomic():
            if _end(row, Drain.State.DONE):
                Drain.objects.filter(pk=row.pk).update(blocked=[])
                machines.end_drain(_actor(row), row.host, "host.drained", row.reason)
        return
    waits: list[Json] = []
    blocked: list[Json] = []
    under_way = row.deployments.filter(state__in=Deployment.ACTIVE).count()
    for place, numbers in standing:
        holder = place.deployments.filter(state__in=Deployment.ACTIVE).first()
        if holder is not None:
            if holder.drain_id != row.pk:
                waits.append({"place": str(place), "release": holder.pk, "why": holders.held_by(place)})
            continue
        if under_way >= PLACES_AT_ONCE:
            waits.append({"place": str(place), "release": None, "why": _("its turn comes when another is done")})
            continue
        under_way += _begin(row, place, numbers, waits, blocked)
    _note(row, waits, blocked)


def _begin(row: Drain, place: ServiceEnvironment, numbers: list[int], waits: list[Json], blocked: list[Json]) -> bool:
    """Starts the move of what can move of the place; returns whether one began."""
    failed = _failed(row, place)
    for number in [number for number in numbers if number in failed]:
        blocked.append({"place": str(place), "number": number, "why": failed[number]})
    left = [number for number in numbers if number not in failed]
    if not left:
        return False
    wish = Wish(None, row.fenced, row.with_data)
    plan = moves.plan_for(place, left, wish)
    for entry in plan.entries:
        if entry.problem:
            blocked.append({"place": str(place), "number": entry.number, "why": entry.problem})
    fitting = [entry.number for entry in plan.entries if not entry.problem]
    if not fitting:
        return False
    reason = _("%(host)s is being drained") % {"host": row.host}
    if row.reason:
        reason = f"{reason}: {row.reason}"[:2000]
    try:
        moves.move(_actor(row), place, fitting, fenced=row.fenced, with_data=row.with_data, reason=reason, drain=row)
    except Refused as refused:
        waits.append({"place": str(place), "release": None, "why": refused.message})
        return False
    return True


def _failed(row: Drain, place: ServiceEnvironment) -> dict[int, str]:
    """Instances whose last move in this drain did not get them away, with what became of it."""
    last = row.deployments.filter(place=place).exclude(state__in=Deployment.ACTIVE)
    if row.retried is not None:
        last = last.filter(created__gt=row.retried)
    found: dict[int, str] = {}
    for release in last.exclude(state=Deployment.State.SUCCEEDED):
        for step in release.steps.exclude(state=Step.State.DONE).select_related("instance"):
            words = step.reason or release.outcome
            found[step.instance.number] = _("move #%(n)s: %(why)s") % {"n": release.pk, "why": words}
    return found


def _note(row: Drain, waits: list[Json], blocked: list[Json]) -> None:
    if (waits, blocked) == (row.waits, row.blocked):
        return
    Drain.objects.filter(pk=row.pk, state=Drain.State.ACTIVE).update(waits=waits, blocked=blocked)
    live.bump(f"host:{row.host_id}")


def _standing(host: Host) -> list[tuple[ServiceEnvironment, list[int]]]:
    """The places with instances on the host, and their numbers."""
    rows = Instance.objects.filter(host=host, removed=None).order_by("number").values_list("place_id", "number")
    numbers: dict[int, list[int]] = {}
    for place, number in rows:
        numbers.setdefault(place, []).append(number)
    places = ServiceEnvironment.objects.select_related(
        "service", "environment", "segment", "environment__segment", "current_image", "current_config", "config"
    )
    ordered = places.filter(pk__in=numbers).order_by("environment__position", "service__slug")
    return [(place, numbers[place.pk]) for place in ordered]


@dataclass(frozen=True)
class Progress:
    """How far a drain is; `left`: instances that stand on the host still."""

    drain: Drain
    left: int
    moving: list[Deployment]

    @property
    def total(self) -> int:
        return max(self.drain.total, self.left)

    @property
    def moved(self) -> int:
        return self.total - self.left

    @property
    def percent(self) -> int:
        return round(100 * self.moved / self.total) if self.total else 100


def progress(row: Drain) -> Progress:
    """For the host's page and the API."""
    left = Instance.objects.filter(host=row.host_id, removed=None).count()
    moving = row.deployments.filter(state__in=Deployment.ACTIVE).select_related("place__service", "place__environment")
    return Progress(row, left, list(moving.order_by("pk")))


def shown_to(actor: Actor, row: Drain) -> Drain:
    """The drain as the actor may see it: what it waits for is nameless where that belongs to a closed team. Not to be saved."""
    names = hidden_names(actor)
    for rows in (row.waits, row.blocked) if names else ():
        for one in rows:
            if re.split(r"[^a-z0-9-]", str(one.get("place", "")))[0] in names:
                one |= {"place": unseen.nameless(), "why": "", "release": None}
    return row
