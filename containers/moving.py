"""Which host each instance moves to, and what cannot move and what would let it. Pure.

An instance keeps its address, so only hosts of its segment come into question; the scheduler (`containers.placement`) picks
among them. Nothing here reads a row or an engine (see `containers.services.moves`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from containers.adding import NONE, Around, as_host, lacks
from containers.config import Config
from containers.entries import Entry, HostView, InstanceView, Plan
from containers.placement import Demand, Refusal, place, ways_in
from containers.plan import Policy, in_batches

HOSTS_TOLD = 8  # of those that cannot take it, with what each lacks


@dataclass(frozen=True)
class Mover:
    """An instance that shall move. `segment`: of its address, None without one; `data`: what of it lies on its host only, and stays;
    `carried`: what moves along, to hosts that keep such (`keepers`); `shared_by`: instances on its host that have it, too; `shares`:
    others of the service would have it as theirs where they meet.
    """

    view: InstanceView
    segment: int | None = None
    segment_name: str = ""
    data: str = ""
    carried: str = ""
    keepers: frozenset[int] = frozenset()
    shared_by: tuple[int, ...] = ()
    shares: bool = False
    only_on: int | None = None  # the one host that has its image, where no registry holds it
    made: bool = True  # there is a release that a container can be made of
    lost: bool = False  # its host cannot be reached


@dataclass(frozen=True)
class Wish:
    """What was asked for. `to`: a host; None: wherever there is room. `each`: hosts of some instances by themselves, by number."""

    to: int | None = None
    fenced: bool = False  # somebody made sure that a host that cannot be reached is off
    with_data: bool = False
    each: Mapping[int, int] = field(default_factory=dict)

    def host_of(self, number: int) -> int | None:
        return self.each.get(number, self.to)


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
    around: Around = NONE,
) -> Plan:
    """The plan: a host for each instance, or why there is none. `on_segment`: segment → its hosts; `around`: rules, others."""
    by_pk = {host.pk: host for host in hosts}
    problems = []
    if unknown:
        problems.append(_("There is no instance %(numbers)s.") % {"numbers": ", ".join(map(str, unknown))})
    elif not movers:
        problems.append(_("There is no instance to do this to."))
    ordered = sorted(movers, key=lambda mover: mover.view.number)
    entries = {mover.view.number: _entry(mover, by_pk, wish) for mover in ordered}
    own = Counter(one.host for one in standing)
    answer = place(
        [as_host(host, config, own[host.pk], _segments(host, on_segment)) for host in hosts],
        [
            _demand(mover, by_pk, config, wish, around, own=own)
            for mover in ordered
            if not entries[mover.view.number].problem
        ],
        standing=around.standing(own),
    )
    for one in answer.assignments:
        host, mover = by_pk[one.hosts[0]], next(m for m in ordered if m.view.number == one.key)
        note = _note(mover, entries[one.key].old_host_name)
        entries[one.key] = replace(entries[one.key], host=host.pk, host_name=host.name, note=note)
    for refusal in answer.refusals:
        entries[refusal.key] = replace(entries[refusal.key], problem=_nowhere(refusal, wish))
    size = policy.size(max(1, len(standing)))
    lost = {mover.view.pk for mover in movers if mover.lost}
    views = {one.pk: replace(one, healthy=False) if one.pk in lost else one for one in standing}
    going = in_batches([entry for entry in entries.values() if not entry.problem], views, size, "move")
    batched = (*going, *(entry for entry in entries.values() if entry.problem))
    return Plan("move", batched, tuple(problems), (), size, policy)


def _entry(mover: Mover, hosts: Mapping[int, HostView], wish: Wish) -> Entry:
    """The instance as it stands, with what keeps it there."""
    one = mover.view
    name = hosts[one.host].name if one.host in hosts else "?"
    problem = _stays(mover, name, wish)
    to = wish.host_of(one.number)
    if not problem and to == one.host:
        problem = _("It stands there already.")
    elif not problem and to is not None and to not in hosts:
        problem = _("That host does not run services of this environment.")
    return Entry(
        one.number,
        one.pk,
        one.host,
        "",
        "move",
        one.address,
        one.image,
        one.image,
        problem=problem,
        old_host=one.host,
        old_host_name=name,
    )


def _segments(host: HostView, on_segment: Mapping[int, frozenset[int]]) -> frozenset[int]:
    return frozenset(segment for segment, hosts in on_segment.items() if host.pk in hosts)


def _demand(
    mover: Mover, hosts: Mapping[int, HostView], config: Config, wish: Wish, around: Around, *, own: Mapping[int, int]
) -> Demand:
    old, to = hosts.get(mover.view.host), wish.host_of(mover.view.number)
    missing = {host.pk: why for host in hosts.values() if (why := lacks(host))}
    if mover.only_on is not None:
        elsewhere = _("the image lies on another host only (release one that a registry holds)")
        missing = {pk: elsewhere for pk in hosts if pk != mover.only_on} | missing
    rules = around.rules
    if mover.carried:
        missing = _no_place_for(mover, hosts, own) | missing
        if mover.shares:
            rules = replace(rules, per_host=1)
    return Demand(
        around.place,
        1,
        config.cpus,
        config.memory,
        service=around.service,
        key=mover.view.number,
        rules=rules,
        segment=mover.segment,
        segment_name=mover.segment_name,
        new_address=False,
        architecture=old.architecture if old else "",
        only=None if to is None else frozenset({to}),
        not_on=frozenset({mover.view.host}),
        missing=missing,
        leaves=mover.view.host,
        image="image",
    )


def _no_place_for(mover: Mover, hosts: Mapping[int, HostView], own: Mapping[int, int]) -> dict[int, str]:
    """Hosts that cannot take its data, with why."""
    cannot = _("its data cannot be copied there")
    found = {pk: cannot for pk in hosts if pk not in mover.keepers}
    if mover.shares:
        theirs = _("another instance of the service has its own data there, under the same name")
        found |= {pk: theirs for pk in hosts if own.get(pk) and pk != mover.view.host}
    return found


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
    if mover.carried and mover.shared_by:
        words = _("It shares its data with %(numbers)s on %(host)s, which would stay without it.")
        return words % {"numbers": ", ".join(f"#{number}" for number in mover.shared_by), "host": host}
    if not mover.made:
        return _("Nothing has been released that it could be made of.")
    return ""


def _nowhere(refusal: Refusal, wish: Wish) -> str:
    if refusal.nowhere:
        return _("There is no other host for it: add one to the environment's host groups and to its segment.")
    ways = ways_in(refusal, HOSTS_TOLD)
    return (
        ways
        if wish.host_of(refusal.key) is not None
        else _("No other host can take it. %(reasons)s") % {"reasons": ways}
    )


def _note(mover: Mover, host: str) -> str:
    notes = []
    if mover.data:
        notes.append(_("its data stays on %(host)s: %(data)s") % {"host": host, "data": mover.data})
    if mover.carried:
        notes.append(
            _("its data moves along: %(data)s; it is stopped while what changed last is copied")
            % {"data": mover.carried}
        )
    if mover.segment is None:
        notes.append(_("gets another address: it has none of a segment"))
    if mover.lost:
        notes.append(_("%(host)s must stay off") % {"host": host})
    return _("; ").join(notes)
