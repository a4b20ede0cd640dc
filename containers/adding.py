"""New instances of a plan: which hosts they go to, by the scheduler (`containers.placement`), and which addresses. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.config import Config
from containers.entries import Entry, HostView, InstanceView
from containers.placement import DEFAULT, Demand, Host, Refusal, Rules, Standing, allocatable, place, words
from hosts.addresses import Choice

LAN = 1  # the one segment that a plan is about
AUTOMATIC, CHOSEN = 0, 1  # keys of the two demands of a plan: addresses come from the pool, or somebody chose them


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
) -> list[Entry]:
    """Entries for new instances, those without room with what would make it. `beside`: they take over from all that stand."""
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
    asked = {AUTOMATIC: [n for n in numbers if n not in wished], CHOSEN: list(wished)}
    answer = place(
        [as_host(h, config, own[h.pk], frozenset({LAN} if h.has_segment else ())) for h in hosts],
        [
            replace(demand, key=key, count=len(mine), new_address=key == AUTOMATIC)
            for key, mine in asked.items()
            if mine
        ],
        standing=around.standing({} if beside else own),
        addresses={LAN: free_addresses - sum(one.free for one in wished.values())},
    )
    entries: list[Entry] = []
    given: Counter[int] = Counter() if beside else Counter(own)
    for key, mine in asked.items():
        found = answer.hosts(around.place, key)
        for number, pk in zip(mine, found, strict=False):
            given[pk] += 1
            entry = Entry(number, None, pk, views[pk].name, "add", "new" if segment else "", "", image)
            entries.append(replace(entry, why=_why(views[pk], given[pk])))
        refusal, rest = answer.refusal(around.place, key), mine[len(found) :]
        if refusal is not None:
            problems = [
                _refused(refusal, views, only_on),
                *[_("No room, as for #%(n)s.") % {"n": rest[0]}] * (len(rest) - 1),
            ]
            for number, problem in zip(rest, problems, strict=True):
                entry = Entry(number, None, 0, "", "add", "new" if segment else "", "", image, problem=problem)
                entries.append(entry)
    return [_with_choice(entry, wished) for entry in sorted(entries, key=lambda entry: entry.number)]


def _refused(refusal: Refusal, views: Mapping[int, HostView], only_on: int | None) -> str:
    if only_on is None:
        return words(refusal)
    name = views[only_on].name if only_on in views else "?"
    text = _("The image lies on %(host)s only (no registry), and that host cannot take it.") % {"host": name}
    return f"{text} {words(refusal)}"


def _why(view: HostView, of_it: int) -> str:
    """Why the host was picked, in few words: its room, how many of the place it has then, what it has already."""
    there = ngettext("%(count)s of it on this host", "%(count)s of it on this host", of_it) % {"count": of_it}
    return ", ".join(
        [*([view.room_name] if view.room_name else []), there, *([_("has the image")] if view.has_image else [])]
    )


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
        note="" if why else choice.note,
        needs_reason=choice.rests,
    )


def not_new(chosen: Mapping[int, Choice], new: Sequence[Entry], segment: str) -> list[str]:
    """Addresses can be chosen here for new instances only."""
    if chosen and not segment:
        return [_("Instances here have no segment, so no address can be chosen for them.")]
    others = sorted(set(chosen) - {entry.number for entry in new})
    text = _("No address can be chosen for #%(numbers)s here: only for instances that this change makes.")
    return [text % {"numbers": ", #".join(map(str, others))}] if others else []
