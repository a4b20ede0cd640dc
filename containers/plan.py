"""What a change of a service in an environment would do, instance by instance, and what does not fit. Pure.

The caller gathers the views (`containers.services.planning`); nothing here reads a row or an engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from containers import by_hand, strategies
from containers.adding import NONE, NOWHERE, Around, added, not_new
from containers.by_hand import ByHand
from containers.config import Config
from containers.entries import Entry, HostView, InstanceView, Plan
from containers.policy import Policy
from containers.rollout.roles import PRIMARY, Turn, ordered
from hosts.addresses import Choice

__all__ = ["Entry", "HostView", "InstanceView", "Plan", "Policy", "in_batches", "make_plan"]
BY_ROLE = frozenset({"deploy", "restart", "repair", "move"})  # what takes an instance out of service
KINDS = ("deploy", "scale", "restart", "stop", "start", "remove", "repair", "limits")


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
    around: Around = NONE,
    on: Mapping[int, ByHand] = NOWHERE,
) -> Plan:
    """The plan of a change of kind `kind`.

    `instances`: all that stand; `wanted`: how many shall stand afterwards (deploy, scale); `numbers`: which ones are meant
    (restart, stop, start, repair; None: all), or go (scale; None: the highest); `segment`: its name if instances get a fixed address, with `free_addresses`
    left; `only_on`: the one host that has the image, where no registry holds it; `stuck`: instances that cannot take the
    change (of limits) as they are, with why; `addresses`, `on`: addresses and hosts that a person wants for new instances, by
    number; `around`: the place's rules of placement, and who else stands where.
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
        if kind == "scale" and numbers is not None:
            going = [one for one in standing if one.number in set(numbers)]
            kept = [one for one in standing if one not in going]
            if len(kept) != wanted:
                problems.append(_("There are %(count)s instances without those that go.") % {"count": len(kept)})
                wanted = len(kept)
        if beside:
            kept, going = [], standing  # the new ones stand beside all of them
        if kind == "deploy":
            entries += [_kept(one, by_pk, "replace", image) for one in kept]
        entries += [_kept(one, by_pk, "remove", "") for one in reversed(going)]
        new = added(
            wanted - len(kept),
            standing=standing,
            beside=beside,
            hosts=hosts,
            config=config,
            image=image,
            only_on=only_on,
            segment=segment,
            free_addresses=free_addresses,
            chosen=addresses or {},
            around=around,
            on=on,
        )
        entries += new
        problems += not_new(addresses or {}, new, segment) + by_hand.not_new(on, new)
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


def in_batches(
    entries: Sequence[Entry], instances: Mapping[int, InstanceView], size: int, kind: str, lead: int = 0
) -> tuple[Entry, ...]:
    """Who goes when: what is not healthy first (nothing is lost there), neighbours on different hosts.

    A release of more than one instance begins with a single one: the first healthy one opens the gate. More of what runs
    already need no gate. `lead`: so many go before all others, a canary's; 0: none do.
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
    batched = [replace(item[3], batch=batch) for item, batch in zip(order, numbers, strict=True)]
    return _by_role(batched, instances) if kind in BY_ROLE else tuple(batched)


def _by_role(entries: Sequence[Entry], instances: Mapping[int, InstanceView]) -> tuple[Entry, ...]:
    """Replicas before the primary, as they last said; they are asked again before each batch."""
    roles = {pk: one.role for pk, one in instances.items()}
    turns = [Turn(n, e.batch, n, roles.get(e.instance or 0, "")) for n, e in enumerate(entries)]
    last = _("primary when it was last asked: goes last")
    return tuple(
        replace(entries[turn.key], batch=turn.batch, note=_("; ").join(filter(None, [entries[turn.key].note, last])))
        if turn.role == PRIMARY
        else replace(entries[turn.key], batch=turn.batch)
        for turn in ordered(turns)
    )
