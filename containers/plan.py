"""What a change of a service in an environment would do, instance by instance, and what does not fit. Pure.

The caller gathers the views (`containers.services.planning`); nothing here reads a row or an engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from containers import strategies
from containers.config import Config
from containers.guardrails.verdict import Check
from containers.policy import Policy
from hosts.addresses import Choice

__all__ = ["Entry", "HostView", "InstanceView", "Plan", "Policy", "in_batches", "make_plan"]
KINDS = ("deploy", "scale", "restart", "stop", "start", "remove", "repair", "limits")


@dataclass(frozen=True)
class HostView:
    """A host as the planner sees it. Memory in bytes; `unfit`: why it takes nothing («cordoned: disk swap»), or empty."""

    pk: int
    name: str
    unfit: str = ""
    in_groups: bool = True  # belongs to the environment's groups: may get new instances
    reachable: bool = True
    cpus: float = 0  # 0: not known
    memory: int = 0
    used_cpus: float = 0  # promised to what stands there, without this place's own instances
    used_memory: int = 0
    missing: tuple[str, ...] = ()  # what its engine's API lacks of what the settings want
    has_segment: bool = True
    instances: int = 0  # all that stand there, for an even spread
    architecture: str = ""


@dataclass(frozen=True)
class InstanceView:
    pk: int
    number: int
    host: int
    address: str = ""  # its fixed address; empty: the engine's own
    healthy: bool = True
    running: bool = True
    image: str = ""  # what runs in it now, as text for people


@dataclass(frozen=True)
class Entry:
    """One instance's part of the plan. `address` «new»: one of the segment's is given to it; empty: the engine's own."""

    number: int
    instance: int | None
    host: int
    host_name: str
    action: str
    address: str = ""
    old: str = ""
    new: str = ""
    batch: int = 0
    problem: str = ""
    old_host: int | None = None  # a move's: where it stands now; `host` is where it goes
    old_host_name: str = ""
    note: str = ""  # worth knowing, no reason not to do it
    chosen: str = ""  # the address that a person asked for, as typed
    needs_reason: bool = False  # it is done only with a reason
    old_address: str = ""  # of an instance that gets another one


@dataclass(frozen=True)
class Plan:
    kind: str
    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()  # of the change as a whole
    warnings: tuple[str, ...] = ()
    batch_size: int = 1
    policy: Policy = field(default_factory=Policy)
    hold_after: int | None = None  # canary, blue/green: the batch after which it holds, or switches
    least: tuple[int, ...] = ()  # how many healthy instances are promised at least in each batch
    guards: tuple[Check, ...] = ()  # what guardrails say of it

    @property
    def fits(self) -> bool:
        return not self.problems and not any(entry.problem for entry in self.entries)

    @property
    def batches(self) -> int:
        return 1 + max((entry.batch for entry in self.entries), default=-1)

    def refusal(self) -> str:
        """Why it cannot be done as planned, in one text; empty when it can."""
        words = list(self.problems)
        left_out = [entry for entry in self.entries if entry.problem]
        if left_out and not self.policy.skip_unfit:
            words += [f"#{e.number} ({e.host_name or e.old_host_name or '–'}): {e.problem}" for e in left_out[:5]]
            if len(left_out) > 5:
                words.append(_("and %(count)s more") % {"count": len(left_out) - 5})
        elif left_out and len(left_out) == len(self.entries):
            words.append(_("Not one instance fits: %(problem)s") % {"problem": left_out[0].problem})
        return " ".join(words)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "fits": self.fits,
            "entries": [asdict(entry) for entry in self.entries],
            "problems": list(self.problems),
            "warnings": list(self.warnings),
            "batch_size": self.batch_size,
            "strategy": self.policy.strategy,
            "hold_after": self.hold_after,
            "least": list(self.least),
            "guardrails": [check.to_json() for check in self.guards],
        }


def make_plan(
    *,
    kind: str,
    instances: Sequence[InstanceView],
    hosts: Sequence[HostView],
    wanted: int,
    config: Config,
    policy: Policy,
    image: str = "",
    only_on: int | None = None,
    segment: str = "",
    free_addresses: int = 0,
    numbers: Collection[int] | None = None,
    stuck: Mapping[int, str] | None = None,
    addresses: Mapping[int, Choice] | None = None,
) -> Plan:
    """The plan of a change of kind `kind`.

    `instances`: all that stand; `wanted`: how many shall stand afterwards (deploy, scale); `numbers`: which ones are meant
    (restart, stop, start, repair; None: all); `segment`: its name if instances get a fixed address, with `free_addresses`
    left; `only_on`: the one host that has the image, where no registry holds it; `stuck`: instances that cannot take the
    change (of limits) as they are, with why; `addresses`: what a person wants for new instances, by number.
    """
    by_pk = {host.pk: host for host in hosts}
    standing = sorted(instances, key=lambda one: one.number)
    if kind != "deploy":
        policy = replace(policy, strategy="rolling")
    beside = policy.strategy == "blue-green"
    problems: list[str] = []
    warnings: list[str] = []
    entries: list[Entry] = []
    if kind in {"deploy", "scale"}:
        kept = standing[:wanted] if wanted < len(standing) else standing
        going = standing[len(kept) :]
        if beside:
            kept, going = [], standing  # the new ones stand beside all of them
        if kind == "deploy":
            entries += [_kept(one, by_pk, "replace", image) for one in kept]
        entries += [_kept(one, by_pk, "remove", "") for one in reversed(going)]
        added, short = _place(
            wanted - len(kept),
            standing=standing,
            kept=standing if beside else kept,
            hosts=hosts,
            config=config,
            image=image,
            only_on=only_on,
            segment=segment,
            free_addresses=free_addresses,
            chosen=addresses or {},
        )
        entries += added
        problems += short
        problems += _not_new(addresses or {}, added, segment)
        if kind == "scale" and not entries:
            problems.append(_("There are %(count)s instances already.") % {"count": wanted})
    else:
        chosen = standing if numbers is None else [one for one in standing if one.number in set(numbers)]
        unknown = sorted(set(numbers or ()) - {one.number for one in standing})
        if unknown:
            problems.append(_("There is no instance %(numbers)s.") % {"numbers": ", ".join(map(str, unknown))})
        if not chosen and not unknown and kind != "remove":
            problems.append(_("There is no instance to do this to."))
        action = {"repair": "replace"}.get(kind, kind)
        entries += [_kept(one, by_pk, action, image or one.image if kind == "repair" else one.image) for one in chosen]
    state = {one.pk: one for one in standing}
    in_place = policy.strategy in {"rolling", "canary"}
    if (
        policy.order == "start-first"
        and kind == "deploy"
        and in_place
        and any(e.address for e in entries if e.action == "replace")
    ):
        problems.append(
            _(
                "Start-first is not possible with fixed addresses: two containers would hold one address. Use stop-first."
            )
        )
    entries = [replace(e, problem=e.problem or (stuck or {}).get(e.instance or 0, "")) for e in entries]
    entries = [_checked(entry, by_pk[entry.host], only_on) if entry.host in by_pk else entry for entry in entries]
    entries = _fits_hosts(entries, by_pk, config, kept_count=Counter(one.host for one in standing))
    size = policy.size(max(1, len(standing) if kind != "scale" else len(entries)))
    if kind in {"scale", "remove", "stop", "start"} and policy.batch == 1:
        size = max(1, len(entries))  # nothing that serves is interrupted, or all shall go: no reason to crawl
    if policy.strategy in {"recreate", "blue-green"}:
        size = max(1, len(entries))
    if beside:
        batched = strategies.beside(entries, state)
    elif policy.strategy == "recreate":
        batched = tuple(replace(entry, batch=0) for entry in in_batches(entries, state, size, kind))
    else:
        batched = in_batches(entries, state, size, kind, policy.lead(len(entries)))
    warnings += strategies.warnings(batched, policy, config)
    return Plan(
        kind,
        batched,
        tuple(problems),
        tuple(warnings),
        size,
        policy,
        strategies.hold_after(batched, policy, size),
        strategies.least(batched, state, policy),
    )


def _kept(one: InstanceView, hosts: Mapping[int, HostView], action: str, new: str) -> Entry:
    host = hosts.get(one.host)
    return Entry(one.number, one.pk, one.host, host.name if host else "?", action, one.address, one.image, new)


def _place(
    count: int,
    *,
    standing: Sequence[InstanceView],
    kept: Sequence[InstanceView],
    hosts: Sequence[HostView],
    config: Config,
    image: str,
    only_on: int | None,
    segment: str,
    free_addresses: int,
    chosen: Mapping[int, Choice],
) -> tuple[list[Entry], list[str]]:
    """Entries for new instances, spread evenly over the hosts that can take them, the emptiest first."""
    if count <= 0:
        return [], []
    usable = [h for h in hosts if h.in_groups and not h.unfit and not h.missing and (h.has_segment or not segment)]
    if only_on is not None:
        usable = [h for h in usable if h.pk == only_on]
    if not usable:
        return [], [_no_host(hosts, only_on, segment)]
    problems: list[str] = []
    ours = Counter(one.host for one in kept)
    taken = {one.number for one in standing}
    free_numbers = [n for n in range(1, len(taken) + count + 1) if n not in taken][:count]
    wished = {number: chosen[number] for number in free_numbers if number in chosen}
    automatic, left = count - len(wished), free_addresses - sum(one.free for one in wished.values())
    if segment and left < automatic:
        problems.append(
            _("%(count)s addresses are needed, the segment %(segment)s has %(free)s free.")
            % {"count": automatic, "segment": segment, "free": left}
        )
    entries: list[Entry] = []
    for number in free_numbers:
        fitting = [h for h in usable if _room(h, ours[h.pk], config)] or usable
        host = min(fitting, key=lambda h: (ours[h.pk], h.instances, h.name))
        ours[host.pk] += 1
        entry = Entry(number, None, host.pk, host.name, "add", "new" if segment else "", "", image)
        entries.append(_with_choice(entry, wished, segment))
    return entries, problems


def _with_choice(entry: Entry, wished: Mapping[int, Choice], segment: str) -> Entry:
    """The new instance's entry with the address that was chosen for it."""
    choice = wished.get(entry.number)
    if choice is None or not segment:
        return entry
    twin = next((n for n, one in sorted(wished.items()) if one.ip == choice.ip and n < entry.number), None)
    why = choice.why or (_("%(ip)s is chosen for #%(n)s already.") % {"ip": choice.ip, "n": twin} if twin else "")
    return replace(
        entry,
        address=choice.ip,
        chosen=choice.ip,
        problem=why,
        note="" if why else choice.note,
        needs_reason=choice.rests,
    )


def _not_new(chosen: Mapping[int, Choice], added: Sequence[Entry], segment: str) -> list[str]:
    """Addresses can be chosen here for new instances only."""
    if chosen and not segment:
        return [_("Instances here have no segment, so no address can be chosen for them.")]
    others = sorted(set(chosen) - {entry.number for entry in added})
    words = _("No address can be chosen for #%(numbers)s here: only for instances that this change makes.")
    return [words % {"numbers": ", #".join(map(str, others))}] if others else []


def _no_host(hosts: Sequence[HostView], only_on: int | None, segment: str) -> str:
    if only_on is not None:
        name = next((h.name for h in hosts if h.pk == only_on), "?")
        why = next((h.unfit for h in hosts if h.pk == only_on and h.unfit), "")
        text = _("The image lies on %(host)s only (no registry), and that host cannot take it.") % {"host": name}
        return f"{text} {why}".strip()
    reasons = [f"{h.name}: {_why_not(h, segment)}" for h in hosts if _why_not(h, segment)]
    text = _("No host can take a new instance.")
    return f"{text} {'; '.join(reasons[:8])}".strip()


def _why_not(host: HostView, segment: str) -> str:
    if not host.in_groups:
        return _("not in the environment's host groups")
    if host.unfit:
        return host.unfit
    if host.missing:
        return "; ".join(host.missing)
    return _("not on the segment %(segment)s") % {"segment": segment} if segment and not host.has_segment else ""


def _room(host: HostView, own: int, config: Config) -> bool:
    """Whether one more instance fits beside what is promised and `own` of this very service."""
    if host.memory and host.used_memory + (own + 1) * config.memory > host.memory:
        return False
    return not host.cpus or host.used_cpus + (own + 1) * config.cpus <= host.cpus


def _checked(entry: Entry, host: HostView, only_on: int | None) -> Entry:
    """The entry with what forbids it on its host, before anything is stopped."""
    if entry.problem:
        return entry
    if not host.reachable:
        return replace(entry, problem=host.unfit or _("The host is not reachable."))
    if entry.action == "add" and host.unfit:
        return replace(entry, problem=host.unfit)
    if entry.action in {"add", "replace"}:
        if host.missing:
            return replace(entry, problem="; ".join(host.missing))
        if only_on is not None and host.pk != only_on:
            return replace(entry, problem=_("The image lies on another host only, and no registry holds it."))
    return entry


def _fits_hosts(
    entries: list[Entry], hosts: Mapping[int, HostView], config: Config, kept_count: Counter[int]
) -> list[Entry]:
    """Marks new instances for which a host has no memory or CPU left. CPUs may be promised four times over (quota caps)."""
    count = Counter(kept_count)
    checked: list[Entry] = []
    for entry in entries:
        host = hosts.get(entry.host)
        if entry.action != "add" or host is None or entry.problem:
            checked.append(entry)
            continue
        count[host.pk] += 1
        problem = ""
        needed = host.used_memory + count[host.pk] * config.memory
        if host.memory and needed > host.memory * OVERCOMMIT_MEMORY:
            problem = _("memory: %(needed).1f GiB would be promised, the host has %(has).1f") % {
                "needed": needed / 1024**3,
                "has": host.memory / 1024**3,
            }
        elif host.cpus and host.used_cpus + count[host.pk] * config.cpus > host.cpus * OVERCOMMIT_CPUS:
            problem = _("CPU: %(needed)g would be promised, the host has %(has)g") % {
                "needed": host.used_cpus + count[host.pk] * config.cpus,
                "has": host.cpus,
            }
        checked.append(replace(entry, problem=problem))
    return checked


# Limits are caps, not reservations: this many times what a host has may be promised before a plan refuses.
OVERCOMMIT_MEMORY = 4.0
OVERCOMMIT_CPUS = 16.0


def in_batches(
    entries: Sequence[Entry], instances: Mapping[int, InstanceView], size: int, kind: str, lead: int = 1
) -> tuple[Entry, ...]:
    """Who goes when: what is not healthy first (nothing is lost there), neighbours on different hosts.

    A release of more than one instance begins with a single one: the first healthy one opens the gate. `lead`: so many go
    before all others, a canary's.
    """

    def rank(entry: Entry) -> int:
        if entry.action == "remove":
            return 3  # what goes, goes when the rest stands
        one = instances.get(entry.instance or 0)
        return 1 if one is not None and one.healthy else 0

    turn: Counter[tuple[int, int]] = Counter()
    order: list[tuple[int, int, int, Entry]] = []
    for entry in sorted(entries, key=lambda e: (rank(e), e.number)):
        key = (rank(entry), entry.host)
        order.append((rank(entry), turn[key], entry.number, entry))
        turn[key] += 1
    order.sort(key=lambda item: item[:3])
    first = 1 if kind in {"deploy", "restart", "repair", "move", "limits"} and len(order) > 1 else size
    numbers = strategies.batch_numbers(len(order), size, first, lead)
    return tuple(replace(item[3], batch=batch) for item, batch in zip(order, numbers, strict=True))
