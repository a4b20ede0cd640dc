"""Which instances are new when a batch is through, which are old, and whose past there is. Pure but for the rows it is given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from containers.models import Step

NEW_BY = frozenset({Step.Action.ADD, Step.Action.REPLACE})
AS_BEFORE = frozenset({Step.State.WAITING, Step.State.SKIPPED, Step.State.UNDONE})


@dataclass(frozen=True)
class Part:
    """One instance's step."""

    instance: int
    action: str
    state: str


@dataclass(frozen=True)
class Sides:
    """Primary keys of instances. `past`: of new ones those that stood before, too; `before`: all that stood before."""

    new: tuple[int, ...] = ()
    old: tuple[int, ...] = ()
    past: tuple[int, ...] = ()
    before: tuple[int, ...] = ()


def sides(parts: Sequence[Part], untouched: Collection[int] = (), *, switched: bool = False) -> Sides:
    """`untouched`: what stands there and is no part of the release. `switched`: blue/green, the traffic is on the new side.

    Old ones without traffic are compared with nobody: what they did before the release counts then.
    """
    new = [one.instance for one in parts if one.action in NEW_BY and one.state == Step.State.DONE]
    stay = [one.instance for one in parts if one.action != Step.Action.ADD and one.state in AS_BEFORE]
    before = [*(one.instance for one in parts if one.action != Step.Action.ADD), *untouched]
    own = [one for one in new if one in set(before)]
    old = [] if switched else [*stay, *untouched]
    return Sides(_sorted(new), _sorted(old), _sorted(own or before), _sorted(before))


def _sorted(found: Collection[int]) -> tuple[int, ...]:
    return tuple(sorted(set(found)))
