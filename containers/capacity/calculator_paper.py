"""What the calculator found, on paper: what is needed, whether it fits, and what was measured. In the language that is active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from containers.capacity.calculator import Answer, Fit
from containers.capacity.load_cost import Need
from xqplatform.metrics import units
from xqplatform.web.paper import Cell, Line, Section, Tile
from xqplatform.web.pdf import document, heading, lines, section, tiles


def made(found: Answer, figures: Sequence[Sequence[Any]]) -> bytes:
    """`figures`: all of the CSV (figure, value, unit)."""
    title, place = _("Calculator"), str(found.asked.place)
    at = f"{timezone.localtime():%Y-%m-%d %H:%M %Z}"
    story = heading(title, place, f"{found.asked.metric.removeprefix('app.')}, {at}")
    if found.need is not None:
        story += [tiles(_tiles(found.need)), Spacer(1, 6 * mm)]
        story += [*lines(_("Do they fit?"), [*_fit(found), *(Line(one, good=False) for one in found.need.warnings)])]
        story.append(Spacer(1, 6 * mm))
    rooms = found.fit.rooms if found.fit is not None else []
    if rooms:
        rows: list[list[Cell]] = [
            [one.name, one.instances, ", ".join(_host(*host) for host in one.hosts)] for one in rooms
        ]
        head = [_("Host group"), _("New instances"), _("Hosts")]
        story += section(Section(_("Where they go"), head, rows, frozenset({1})))
    told = [[str(what), _value(value, unit)] for what, value, unit in figures]
    story += section(Section(_("What it costs, measured"), [_("Figure"), _("Value")], told), whole=True)
    return document(f"{title} {place} {at}", story)


def _tiles(need: Need) -> list[Tile]:
    found = []
    if need.instances is not None:
        ends = {"low": f"{need.instances.low:.0f}", "high": f"{need.instances.high:.0f}"}
        found.append(Tile(_("Instances"), need.count, None, _("instances, %(low)s to %(high)s") % ends))
    for words, span, unit in ((_("CPU of all"), need.cpu, "cores"), (_("memory of all"), need.memory, "bytes")):
        note = f"{units.shown(span.low, unit)} – {units.shown(span.high, unit)}"
        found.append(Tile(words, units.shown(span.likely, unit), None, note))
    found.append(
        Tile(
            _("limits of one that it proposes"), units.shown(need.cpus, "cores"), None, units.shown(need.bytes, "bytes")
        )
    )
    return found


def _fit(found: Answer) -> list[Line]:
    need, fit = found.need, found.fit
    if need is not None and need.why:
        return [Line(need.why, good=False)]
    if fit is None:
        return []
    return [Line(fit.refusal or fit_words(fit), not fit.refusal)]


def fit_words(fit: Fit) -> str:
    if fit.adds:
        text = ngettext(
            "%(n)s is added to the %(there)s that stand now.",
            "%(n)s are added to the %(there)s that stand now.",
            fit.adds,
        )
        return text % {"n": fit.adds, "there": fit.standing}
    return ngettext("%(n)s stands now already.", "%(n)s stand now already.", fit.standing) % {"n": fit.standing}


def _host(name: str, count: int) -> str:
    return name if count == 1 else f"{name} × {count}"


def _value(value: Any, unit: str) -> str:
    if isinstance(value, int | float):
        return units.shown(float(value), unit or "count") if unit else f"{value:,.4g}"
    return str(value)
