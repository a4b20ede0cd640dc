"""What a person's groups give and take. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

# The strongest first: of several roles the first holds.
ORDER = ("admin", "sre", "manager", "auditor", "developer", "reader")


@dataclass(frozen=True)
class Rule:
    group: str
    teams: frozenset[int] = frozenset()
    role: str = ""


@dataclass(frozen=True)
class Change:
    """Teams to add (and to remember as given), to take (they were given), and to forget (somebody else took them)."""

    add: set[int] = field(default_factory=set)
    take: set[int] = field(default_factory=set)
    forget: set[int] = field(default_factory=set)


def groups_in(claims: dict[str, Any], claim: str) -> frozenset[str]:
    """The names of groups in the claim: a list of texts, or one text. Anything else names none."""
    value = claims.get(claim) if claim else None
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return frozenset(v for v in values if isinstance(v, str) and v)


def wanted(rules: Iterable[Rule], groups: Collection[str]) -> tuple[set[int], str]:
    """Teams and the role (empty: none is said) of somebody in these groups."""
    held = [rule for rule in rules if rule.group in groups]
    roles = [rule.role for rule in held if rule.role in ORDER]
    return {team for rule in held for team in rule.teams}, min(roles, key=ORDER.index, default="")


def teams(now: Collection[int], given: Collection[int], want: Collection[int]) -> Change:
    """`now`: teams the person is in; `given`: of which groups gave some. What somebody gave by hand stays."""
    return Change(
        add=set(want) - set(now),
        take=(set(given) - set(want)) & set(now),
        forget=set(given) - set(now),
    )


def role(now: str, given: str, before: str, want: str) -> tuple[str, str, str]:
    """(role from now on, role given, role before it); the last two are empty when groups give none.

    A role that somebody changed by hand since it was given is no longer the groups' to take.
    """
    ours = bool(given) and now == given
    if want:
        return want, want, before if ours else now
    return (before if ours and before else now), "", ""
