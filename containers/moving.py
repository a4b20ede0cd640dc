"""Which host each instance moves to, and what cannot move and what would let it. Pure.

An instance keeps its address, so only hosts of its segment come into question; of those, the one with the fewest instances
of its service. Nothing here reads a row or an engine (see `containers.services.moves`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from containers.config import Config
from containers.plan import OVERCOMMIT_CPUS, OVERCOMMIT_MEMORY, Entry, HostView, InstanceView, Plan, Policy, in_batches


@dataclass(frozen=True)
class Mover:
    """An instance that shall move. `segment`: of its address, None without one; `data`: what of it lies on its host only."""

    view: InstanceView
    segment: int | None = None
    segment_name: str = ""
    data: str = ""
    only_on: int | None = None  # the one host that has its image, where no registry holds it
    made: bool = True  # there is a release that a container can be made of
    lost: bool = False  # its host cannot be reached


@dataclass(frozen=True)
class Wish:
    """What was asked for. `to`: a host; None: wherever there is room."""

    to: int | None = None
    fenced: bool = False  # somebody made sure that a host that cannot be reached is off
    with_data: bool = False


@dataclass
class Room:
    """What is promised on each host, while a plan is being made. `own`: instances of this very service."""

    own: Counter[int] = field(default_factory=Counter)
    more: Counter[int] = field(default_factory=Counter)  # given by this plan, over what the host view says

    def problem(self, host: HostView, config: Config) -> str:
        """Why one more instance does not fit; empty if it does."""
        needed = self.own[host.pk] + 1
        memory, cpus = host.used_memory + needed * config.memory, host.used_cpus + needed * config.cpus
        if host.memory and memory > host.memory * OVERCOMMIT_MEMORY:
            return _("memory: %(needed).1f GiB would be promised, the host has %(has).1f") % {
                "needed": memory / 1024**3,
                "has": host.memory / 1024**3,
            }
        if host.cpus and cpus > host.cpus * OVERCOMMIT_CPUS:
            return _("CPU: %(needed)g would be promised, the host has %(has)g") % {"needed": cpus, "has": host.cpus}
        return ""

    def tight(self, host: HostView, config: Config) -> bool:
        """Whether it only fits because limits are caps."""
        needed = self.own[host.pk] + 1
        if host.memory and host.used_memory + needed * config.memory > host.memory:
            return True
        return bool(host.cpus) and host.used_cpus + needed * config.cpus > host.cpus

    def give(self, host: HostView) -> None:
        self.own[host.pk] += 1
        self.more[host.pk] += 1


def plan_moves(
    *,
    standing: Sequence[InstanceView],
    movers: Sequence[Mover],
    hosts: Sequence[HostView],
    on_segment: Mapping[int, frozenset[int]],
    config: Config,
    policy: Policy,
    wish: Wish,
    unknown: Sequence[int] = (),
) -> Plan:
    """The plan: a host for each instance, or why there is none. `on_segment`: segment → its hosts."""
    by_pk = {host.pk: host for host in hosts}
    room = Room(own=Counter(one.host for one in standing))
    problems = []
    if unknown:
        problems.append(_("There is no instance %(numbers)s.") % {"numbers": ", ".join(map(str, unknown))})
    elif not movers:
        problems.append(_("There is no instance to do this to."))
    entries = [
        _entry(mover, by_pk, on_segment=on_segment, config=config, wish=wish, room=room)
        for mover in sorted(movers, key=lambda mover: mover.view.number)
    ]
    size = policy.size(max(1, len(standing)))
    lost = {mover.view.pk for mover in movers if mover.lost}
    views = {one.pk: replace(one, healthy=False) if one.pk in lost else one for one in standing}
    going = in_batches([entry for entry in entries if not entry.problem], views, size, "move")
    batched = (*going, *(entry for entry in entries if entry.problem))
    return Plan("move", batched, tuple(problems), (), size, policy)


def _entry(
    mover: Mover,
    hosts: Mapping[int, HostView],
    *,
    on_segment: Mapping[int, frozenset[int]],
    config: Config,
    wish: Wish,
    room: Room,
) -> Entry:
    one = mover.view
    old = hosts.get(one.host)
    name = old.name if old else "?"
    entry = Entry(
        one.number,
        one.pk,
        one.host,
        "",
        "move",
        one.address,
        one.image,
        one.image,
        old_host=one.host,
        old_host_name=name,
    )
    stays = _stays(mover, name, wish)
    if stays:
        return replace(entry, problem=stays)
    reasons: dict[str, str] = {}
    fitting: list[HostView] = []
    for host in hosts.values():
        if host.pk == one.host or (wish.to is not None and host.pk != wish.to):
            continue
        why = why_not(host, old, mover, on_segment) or room.problem(host, config)
        if why:
            reasons[host.name] = why
        else:
            fitting.append(host)
    if not fitting:
        return replace(entry, problem=_nowhere(reasons, wish, hosts, one.host))
    host = min(fitting, key=lambda h: (room.tight(h, config), room.own[h.pk], h.instances + room.more[h.pk], h.name))
    room.give(host)
    return replace(entry, host=host.pk, host_name=host.name, note=_note(mover, name))


def _stays(mover: Mover, host: str, wish: Wish) -> str:
    """Why the instance must not move, wherever to."""
    if mover.lost and not wish.fenced:
        words = _(
            "%(host)s cannot be reached, so it may well run on there. Make sure that the machine is off, and confirm it."
        )
        return words % {"host": host}
    if mover.data and not wish.with_data:
        words = _("It has data on %(host)s that does not move: %(data)s. Confirm that it starts without it elsewhere.")
        return words % {"host": host, "data": mover.data}
    if not mover.made:
        return _("Nothing has been released that it could be made of.")
    return ""


def why_not(host: HostView, old: HostView | None, mover: Mover, on_segment: Mapping[int, frozenset[int]]) -> str:
    """Why the instance cannot go to the host, with what would let it; empty if it can."""
    if host.unfit:
        return host.unfit
    if not host.reachable:
        return _("cannot be reached")
    if not host.in_groups:
        return _("not in the environment's host groups (change the groups of the environment, or of the host)")
    if mover.segment is not None and host.pk not in on_segment.get(mover.segment, frozenset()):
        return _("not on the segment %(segment)s (add it there, and the address can go along)") % {
            "segment": mover.segment_name
        }
    if host.missing:
        return "; ".join(host.missing)
    if mover.only_on is not None and mover.only_on != host.pk:
        return _("the image lies on another host only (release one that a registry holds)")
    if old is not None and old.architecture and host.architecture and old.architecture != host.architecture:
        return _("another kind of machine (%(kind)s)") % {"kind": host.architecture}
    return ""


def _nowhere(reasons: Mapping[str, str], wish: Wish, hosts: Mapping[int, HostView], here: int) -> str:
    if wish.to == here:
        return _("It stands there already.")
    if wish.to is not None and wish.to not in hosts:
        return _("That host does not run services of this environment.")
    if not reasons:
        return _("There is no other host for it: add one to the environment's host groups and to its segment.")
    words = "; ".join(f"{name}: {why}" for name, why in sorted(reasons.items())[:8])
    return words if wish.to is not None else _("No other host can take it. %(reasons)s") % {"reasons": words}


def _note(mover: Mover, host: str) -> str:
    notes = []
    if mover.data:
        notes.append(_("its data stays on %(host)s: %(data)s") % {"host": host, "data": mover.data})
    if mover.segment is None:
        notes.append(_("gets another address: it has none of a segment"))
    if mover.lost:
        notes.append(_("%(host)s must stay off") % {"host": host})
    return _("; ").join(notes)
