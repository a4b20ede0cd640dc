"""What the page, its file and the API show of a scenario."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

from containers.capacity.whatif.model import GIB, Fleet
from containers.capacity.whatif.scenario import Change
from containers.capacity.whatif.simulate import Outcome, Part
from containers.capacity.whatif.sums import Figures
from containers.placement import words

MOST_TYPES = 12


@dataclass(frozen=True)
class Type:
    """A kind of machine that the fleet has: `value` as a form sends it."""

    cpus: float
    gib: float
    hosts: int

    @property
    def value(self) -> str:
        return f"{self.cpus:g}:{self.gib:g}"


def types(machines: Sequence[tuple[int, int]]) -> list[Type]:
    """The most frequent kinds of these (cores, bytes), memory to the GiB."""
    counted = Counter((cpus, max(1, round(memory / GIB))) for cpus, memory in machines if cpus and memory)
    return [Type(cpus, gib, n) for (cpus, gib), n in counted.most_common(MOST_TYPES)]


def why(part: Part) -> str:
    """What keeps it out, and what would let it in."""
    return words(part.refusal) if part.refusal is not None else ""


def as_json(fleet: Fleet, changes: Sequence[Change], found: Outcome) -> dict[str, Any]:
    return {
        "fits": found.fits,
        "missing": found.missing,
        "placed": found.placed,
        "changes": [
            {"change": str(change), "words": change.words, "problem": found.problems.get(n, "")}
            for n, change in enumerate(changes)
        ],
        "groups": [{"group": row.name, "now": _figures(row.now), "then": _figures(row.then)} for row in found.rows],
        "total": {"now": _figures(found.total.now), "then": _figures(found.total.then)},
        "instances": [
            {
                "of": part.name,
                "change": part.change,
                "asked": part.asked,
                "placed": part.placed,
                "groups": dict(part.rooms),
                "refusal": why(part),
                "data": part.data,
            }
            for part in found.parts
        ],
    }


def _figures(one: Figures | None) -> dict[str, Any] | None:
    return None if one is None else {name: value for name, value in asdict(one).items() if name != "name"}


COLUMNS = (
    "hosts", "closed", "instances", "cpus", "may_cpus", "used_cpus", "free_cpus",
    "memory", "may_memory", "used_memory", "free_memory",
)  # fmt: skip


def head() -> list[str]:
    return [
        _("Host group"), _("When"), _("Hosts"), _("of them closed"), _("Instances"), _("CPU allocatable"),
        _("CPU that may be promised"), _("CPU promised"), _("CPU free"), _("Memory allocatable"),
        _("Memory that may be promised"), _("Memory promised"), _("Memory free"),
    ]  # fmt: skip


def lines(found: Outcome) -> list[list[Any]]:
    """Groups today and then, and below them what does not fit. Memory in bytes."""
    rows: list[list[Any]] = []
    for row in (*found.rows, found.total):
        for when, one in ((_("today"), row.now), (_("then"), row.then)):
            values = [getattr(one or Figures(row.name), name) for name in COLUMNS]
            rows.append([row.name or _("all"), when, *(round(v, 3) if isinstance(v, float) else v for v in values)])
    for part in found.misfits:
        rows.append([part.name, _("does not fit"), "", "", part.missing, why(part)])
    return rows
