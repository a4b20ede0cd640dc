"""What a change of rights gives to whom. Pure: holdings before and after → gains.

To have a right for longer is a gain, too: what ended tonight and does not any more was not there tomorrow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from xqplatform.accounts.roles.decide import Held, Scope, within

# Rights that change nothing of what runs, and show nothing of it.
HARMLESS = frozenset({"service.create", "notices.manage", "fleet.read", "metrics.read", "blueprint.change"})


@dataclass(frozen=True)
class Gain:
    user: int
    right: str
    scope: Scope
    until: datetime | None = None  # None: without an end


def gains(before: Mapping[int, Iterable[Held]], after: Mapping[int, Iterable[Held]]) -> list[Gain]:
    """All that somebody may after a change and might not before it, or not for so long, each once."""
    found: dict[Gain, None] = {}
    for user, held in after.items():
        had = list(before.get(user, ()))
        for one in held:
            if one in had:
                continue
            for right in sorted(one.rights):
                if not any(has(old, right, one.scope, one.until) for old in had):
                    found[Gain(user, right, one.scope, one.until)] = None
    return list(found)


def has(held: Held, right: str, scope: Scope, until: datetime | None) -> bool:
    """Whether the holding has the right in all of that scope for so long."""
    return right in held.rights and within(held.scope, scope) and held.outlasts(until)


def of_production(found: Iterable[Gain], production: Collection[str]) -> list[Gain]:
    """Those that reach an environment of production: by name, or because they are not limited to another."""
    return [
        one
        for one in found
        if one.right not in HARMLESS and (one.scope.environment is None or one.scope.environment in production)
    ]


def second_people(approvers: Collection[int], asker: int | None, found: Iterable[Gain]) -> set[int]:
    """Who may approve it: neither who asks nor who profits."""
    return set(approvers) - {asker} - {one.user for one in found}
