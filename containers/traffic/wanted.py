"""Who is in traffic and who is out: a pure function of what is stored. Everything else only carries it out.

Health alone takes nobody out: what is seen may be old, and a front that believes all of its servers to be down serves nobody.
Who was put in stays in until a step takes it out, a person stops it, or it goes; who is out is put in when it is well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

WELL = frozenset({"healthy", "running"})


@dataclass(frozen=True)
class One:
    """An instance. `was`: in | leaving | out, as stored; empty: nobody has said anything yet."""

    pk: int
    was: str = ""
    state: str = "missing"
    wanted_state: str = "running"


def wanted(instances: Sequence[One], in_hand: Collection[int]) -> dict[int, bool]:
    """Of each instance whether it shall get traffic. `in_hand`: those that a step works on just now."""
    return {one.pk: _wanted(one, one.pk in in_hand) for one in instances}


def _wanted(one: One, in_hand: bool) -> bool:
    if in_hand:
        return one.was == "in"  # the step alone says what changes
    if one.wanted_state != "running":
        return False
    return one.was == "in" or one.state in WELL
