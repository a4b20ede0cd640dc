"""What a strategy makes of a plan: who goes in which batch, where it holds, and how many stay healthy. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.config import Config
from containers.policy import Policy

if TYPE_CHECKING:
    from containers.plan import Entry, InstanceView


def batch_numbers(count: int, size: int, first: int, lead: int) -> list[int]:
    """The batch of each of `count` places: `first` of them, then batches of `size`, none across the end of the `lead`."""
    sizes = _sizes(count, size, first, lead)
    return [batch for batch, many in enumerate(sizes) for _place in range(many)]


def _sizes(count: int, size: int, first: int, lead: int) -> Iterator[int]:
    done = 0
    while done < count:
        most = first if not done else size
        end = lead if done < lead <= count else count
        yield min(most, end - done)
        done += min(most, end - done)


def hold_after(entries: Sequence[Entry], policy: Policy, size: int) -> int | None:
    """The last batch before a canary holds, or before blue/green switches; None: it never holds."""
    if policy.strategy == "blue-green":
        return max((e.batch for e in entries if e.action == "add"), default=None)
    if policy.strategy != "canary" or not entries:
        return None
    lead = min(policy.lead(len(entries)), len(entries))
    return sorted(entries, key=lambda e: e.batch)[lead - 1].batch


def beside(entries: Sequence[Entry], instances: Mapping[int, InstanceView]) -> tuple[Entry, ...]:
    """Blue/green: one new instance, then all other new ones, then the old ones, by number."""
    new = sorted((e for e in entries if e.action == "add"), key=lambda e: e.number)
    old = sorted((e for e in entries if e.action != "add"), key=lambda e: e.number)
    last = min(len(new), 2)
    batched = [replace(e, batch=min(n, 1)) for n, e in enumerate(new)]
    return (*batched, *(replace(e, batch=last) for e in old))


def least(entries: Sequence[Entry], instances: Mapping[int, InstanceView], policy: Policy) -> tuple[int, ...]:
    """How many healthy instances there are at least while each batch is under way, as far as it lies with the release."""
    up = sum(one.healthy for one in instances.values())
    batches = Counter(entry.batch for entry in entries)
    if policy.strategy == "recreate":
        return (0,) if batches else ()
    if policy.strategy == "blue-green":
        new = sum(entry.action == "add" and not entry.problem for entry in entries)
        return tuple(new if _has_old(entries) and batch == max(batches) else up for batch in sorted(batches))
    found = []
    for batch in sorted(batches):
        mine = [entry for entry in entries if entry.batch == batch and not entry.problem]
        found.append(up - sum(_is_up(e, instances) for e in mine if _takes_out(e, policy)))
        up += _more(mine, instances)
    return tuple(found)


def _has_old(entries: Sequence[Entry]) -> bool:
    return any(entry.action == "remove" for entry in entries)


def _is_up(entry: Entry, instances: Mapping[int, InstanceView]) -> bool:
    one = instances.get(entry.instance or 0)
    return one is not None and one.healthy


def _takes_out(entry: Entry, policy: Policy) -> bool:
    if entry.action in {"add", "start", "limits"}:
        return False
    return not (entry.action == "replace" and policy.order == "start-first" and not entry.address)


def _more(entries: Sequence[Entry], instances: Mapping[int, InstanceView]) -> int:
    """How many more are healthy when the batch is through."""
    up = {entry.number: _is_up(entry, instances) for entry in entries}
    gone = sum(up[e.number] for e in entries if e.action in {"remove", "stop"})
    come = sum(not up[e.number] for e in entries if e.action in {"add", "replace", "restart", "start", "move"})
    return come - gone


def warnings(entries: Sequence[Entry], policy: Policy, config: Config) -> list[str]:
    """What somebody has to know before it begins."""
    if policy.strategy == "recreate":
        return _recreates(entries)
    if policy.strategy == "blue-green":
        return _changes_addresses(entries, config)
    lead = policy.lead(len(entries))
    if policy.strategy == "canary" and entries and lead >= len(entries):
        words = _("All %(n)s instances belong to the first ones: it holds when all of them are new.")
        return [words % {"n": len(entries)}]
    return []


def _recreates(entries: Sequence[Entry]) -> list[str]:
    count = sum(entry.action in {"replace", "remove"} for entry in entries)
    if not count:
        return []
    words = ngettext(
        "The only instance stops, then the new one starts: nothing serves meanwhile.",
        "All %(n)d instances stop before the first new one starts: nothing serves meanwhile.",
        count,
    )
    return [words % {"n": count}]


def _changes_addresses(entries: Sequence[Entry], config: Config) -> list[str]:
    new = sum(entry.action == "add" for entry in entries)
    found = []
    if _has_old(entries):
        words = ngettext(
            "%(n)d new instance stands beside the old ones, with another address and number.",
            "%(n)d new instances stand beside the old ones, with other addresses and numbers.",
            new,
        )
        found.append(words % {"n": new})
    if config.persist:
        found.append(_("What is kept at /persist belongs to an address: the new instances begin with empty folders."))
    if config.volumes:
        found.append(_("Old and new instances have the same volumes mounted at the same time."))
    return found
