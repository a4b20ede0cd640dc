"""New instances of a plan: which hosts they go to, by the scheduler (`containers.placement`), and which addresses. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.by_hand import ByHand, noted
from containers.config import Config
from containers.entries import Entry, HostView, InstanceView
from containers.placement import DEFAULT, Answer, Demand, Host, Refusal, Rules, Standing, allocatable, place, words
from hosts.addresses import Choice

LAN = 1  # the one segment that a plan is about


@dataclass(frozen=True)
class Around:
    """What the placement of a place goes by beside its hosts: its rules, and the places that its rules or theirs speak of."""

    place: int = 0
    service: int = 0
    rules: Rules = DEFAULT
    others: tuple[Standing, ...] = ()

    def standing(self, own: Mapping[int, int]) -> list[Standing]:
        """`own`: host → instances of the place that count by its rules."""
        return [Standing(self.place, self.service, own, self.rules.avoid), *self.others]


NONE = Around()
NOWHERE: Mapping[int, ByHand] = {}


def as_host(view: HostView, config: Config, own: int, segments: frozenset[int]) -> Host:
    """The host as the scheduler sees it. `own`: instances of this place there, which count with its new limits."""
    closed = view.unfit or ("" if view.reachable else _("cannot be reached"))
    return Host(
        view.pk,
        view.name,
        cpus=allocatable(view.cpus, view.reserve_cpus, view.overcommit_cpus),
        memory=allocatable(view.memory, view.reserve_memory, view.overcommit_memory),
        real_cpus=allocatable(view.cpus, view.reserve_cpus),
        real_memory=allocatable(view.memory, view.reserve_memory),
        used_cpus=view.used_cpus + own * config.cpus,
        used_memory=view.used_memory + own * config.memory,
        instances=view.instances,
        room=view.room,
        room_name=view.room_name,
        closed=closed,
        labels=view.labels,
        architecture=view.architecture,
        segments=segments,
        images=frozenset(["image"] if view.has_image else []),
    )


def lacks(view: HostView) -> str:
    """What keeps instances of this very place off the host, whatever room there is."""
    if not view.in_groups:
        return _("not in the environment's host groups (change the groups of the environment, or of the host)")
    return "; ".join(view.missing)


def added(
    count: int,
    *,
    standing: Sequence[InstanceView],
    beside: bool,
    hosts: Sequence[HostView],
    config: Config,
    image: str,
    only_on: int | None,
    segment: str,
    free_addresses: int,
    chosen: Mapping[int, Choice],
    around: Around,
    on: Mapping[int, ByHand] = NOWHERE,
) -> list[Entry]:
    """Entries for new instances, those without room with what would make it. `beside`: they take over from all that stand;
    `on`: hosts that somebody chose, by number.
    """
    if count <= 0:
        return []
    taken = {one.number for one in standing}
    numbers = [n for n in range(1, len(taken) + count + 1) if n not in taken][:count]
    wished = {number: chosen[number] for number in numbers if segment and number in chosen}
    own = Counter(one.host for one in standing)
    views = {view.pk: view for view in hosts}
    demand = Demand(
        around.place,
        0,
        config.cpus,
        config.memory,
        service=around.service,
        rules=around.rules,
        segment=LAN if segment else None,
        segment_name=segment,
        image="image",
        only=None if only_on is None else frozenset({only_on}),
        missing={view.pk: why for view in hosts if (why := lacks(view))},
    )
    before: Counter[int] = Counter() if beside else Counter(own)
    groups = _groups(numbers, wished, on)
    demands = [replace(demand, key=n, count=len(g.numbers), new_address=not g.address) for n, g in enumerate(groups)]

    def answered(wanted: list[Demand]) -> Answer:
        return place(
            [as_host(h, config, own[h.pk], frozenset({LAN} if h.has_segment else ())) for h in hosts],
            wanted,
            standing=around.standing(before),
            addresses={LAN: free_addresses - sum(one.free for one in wished.values())},
        )

    answer = answered([_on(one, g.hand, only_on, views) for one, g in zip(demands, groups, strict=True)])
    blank = Entry(0, None, 0, "", "add", "new" if segment else "", "", image)
    entries = [replace(blank, number=n, problem=on[n].why) for n in numbers if n in on and on[n].why]
    given = Counter(before)
    for key, group in enumerate(groups):
        found = answer.hosts(around.place, key)
        for number, pk in zip(group.numbers, found, strict=False):
            given[pk] += 1
            entry = replace(blank, number=number, host=pk, host_name=views[pk].name)
            entries.append(replace(entry, why=_why(views[pk], given[pk], by_hand=group.hand is not None)))
        refusal, rest = answer.refusal(around.place, key), group.numbers[len(found) :]
        if refusal is not None:
            problems = [
                _refused(refusal, views, only_on if group.hand is None else None),
                *[_("No room, as for #%(n)s.") % {"n": rest[0]}] * (len(rest) - 1),
            ]
            entries += [replace(blank, number=n, problem=problem) for n, problem in zip(rest, problems, strict=True)]
    entries.sort(key=lambda entry: entry.number)
    if any(number in on for number in numbers):
        free = answered(demands)  # what it would be without the choice
        otherwise = {
            n: pk
            for key, g in enumerate(groups)
            for n, pk in zip(g.numbers, free.hosts(around.place, key), strict=False)
        }
        notes = noted([e for e in entries if e.number in on], otherwise, given, around.rules, views)
        entries = [
            replace(e, by_hand=on[e.number].typed, note=notes.get(e.number, "")) if e.number in on else e
            for e in entries
        ]
    return [_with_choice(entry, wished) for entry in entries]


@dataclass
class _Group:
    """New instances of which the same was chosen: nothing, hosts (`hand`), or each its address."""

    address: bool
    hand: frozenset[int] | None
    numbers: list[int]


def _groups(numbers: Sequence[int], wished: Mapping[int, Choice], on: Mapping[int, ByHand]) -> list[_Group]:
    found: dict[tuple[bool, frozenset[int] | None], _Group] = {}
    for number in numbers:
        if number in on and on[number].why:
            continue  # nobody can have that
        key = number in wished, on[number].hosts if number in on else None
        found.setdefault(key, _Group(*key, [])).numbers.append(number)
    return sorted(found.values(), key=lambda group: group.address)


def _on(demand: Demand, hand: frozenset[int] | None, only_on: int | None, views: Mapping[int, HostView]) -> Demand:
    """With the hosts that somebody chose: such instances are placed first, the others around them."""
    if hand is None:
        return replace(demand, priority=1)
    missing = dict(demand.missing)
    if only_on is not None:
        name = views[only_on].name if only_on in views else "?"
        why = _("the image lies on %(host)s only (no registry)") % {"host": name}
        missing = {pk: why for pk in hand if pk != only_on} | missing
    return replace(demand, only=hand, missing=missing)


def _refused(refusal: Refusal, views: Mapping[int, HostView], only_on: int | None) -> str:
    if only_on is None:
        return words(refusal)
    name = views[only_on].name if only_on in views else "?"
    text = _("The image lies on %(host)s only (no registry), and that host cannot take it.") % {"host": name}
    return f"{text} {words(refusal)}"


def _why(view: HostView, of_it: int, *, by_hand: bool) -> str:
    """Why the host was picked, in few words: its room, how many of the place it has then, what it has already."""
    there = ngettext("%(count)s of it on this host", "%(count)s of it on this host", of_it) % {"count": of_it}
    parts = [
        _("chosen by hand") if by_hand else "",
        view.room_name,
        there,
        _("has the image, as last seen") if view.has_image else "",
    ]
    return ", ".join(part for part in parts if part)


def _with_choice(entry: Entry, wished: Mapping[int, Choice]) -> Entry:
    """The new instance's entry with the address that was chosen for it."""
    choice = wished.get(entry.number)
    if choice is None:
        return entry
    twin = next((n for n, one in sorted(wished.items()) if one.ip == choice.ip and n < entry.number), None)
    why = choice.why or (_("%(ip)s is chosen for #%(n)s already.") % {"ip": choice.ip, "n": twin} if twin else "")
    why = why or entry.problem
    return replace(
        entry,
        address=choice.ip,
        chosen=choice.ip,
        problem=why,
        note="" if why else _("; ").join(note for note in (entry.note, choice.note) if note),
        needs_reason=choice.rests,
    )


def not_new(chosen: Mapping[int, Choice], new: Sequence[Entry], segment: str) -> list[str]:
    """Addresses can be chosen here for new instances only."""
    if chosen and not segment:
        return [_("Instances here have no segment, so no address can be chosen for them.")]
    others = sorted(set(chosen) - {entry.number for entry in new})
    text = _("No address can be chosen for #%(numbers)s here: only for instances that this change makes.")
    return [text % {"numbers": ", #".join(map(str, others))}] if others else []
