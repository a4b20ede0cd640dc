"""What the calculator found as rows of figures, to be taken along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from containers.capacity.calculator import Answer
from xqplatform.metrics import catalogue


def load_unit(found: Answer) -> str:
    """Of the load, as the catalogue of metrics has it."""
    return catalogue.find(found.asked.metric).unit


def head() -> list[str]:
    return [_("Figure"), _("Value"), _("Unit")]


def rows(found: Answer) -> Sequence[Sequence[Any]]:
    """All figures of the page, a line each."""
    told: list[tuple[Any, ...]] = [
        (_("Service"), str(found.asked.place), ""),
        (_("Load"), found.asked.metric, load_unit(found)),
        (_("Moments measured"), len(found.readings), ""),
    ]
    if found.cost is None:
        return [*told, (_("No fit"), found.why, "")]
    cost, need = found.cost, found.need
    for words, line, unit in ((_("CPU"), cost.cpu, "cores"), (_("Memory"), cost.memory, "bytes")):
        told += [
            (_("%(what)s at rest") % {"what": words}, line.base, unit),
            (_("its error"), line.base_error, unit),
            (_("%(what)s for each unit of load") % {"what": words}, line.slope, unit),
            (_("its error"), line.slope_error, unit),
            ("R²", line.r2, ""),
        ]
    if need is not None:
        told += [
            (_("Expected load"), need.load, load_unit(found)),
            (_("Used to at most"), found.asked.target, ""),
            (_("CPUs of one"), found.asked.cpus, "cores"),
            (_("Memory of one"), found.asked.memory, "bytes"),
        ]
        if need.instances is not None:
            span = need.instances
            told += [
                (_("Instances"), int(span.likely), ""),
                (_("at least"), int(span.low), ""),
                (_("at most"), int(span.high), ""),
            ]
        told += [(_("CPU of all"), need.cpu.likely, "cores"), (_("Memory of all"), need.memory.likely, "bytes")]
        told += [(_("Proposed CPU limit"), need.cpus, "cores"), (_("Proposed memory limit"), need.bytes, "bytes")]
        told += [("", words, "") for words in (need.why, *need.warnings) if words]
    return told
