"""A scenario on paper: its changes, today and then, what does not fit. In the language that is active."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _
from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from containers.capacity.whatif import shown
from containers.capacity.whatif.scenario import Change
from containers.capacity.whatif.simulate import Outcome
from containers.capacity.whatif.sums import Figures
from xqplatform.metrics import units
from xqplatform.web.paper import Line, Section, Tile
from xqplatform.web.pdf import document, heading, lines, section, tiles


def made(name: str, changes: Sequence[Change], found: Outcome) -> bytes:
    """`name`: of a scenario that was kept; empty for one that was not."""
    title = _("What if")
    at = f"{timezone.localtime():%Y-%m-%d %H:%M %Z}"
    story = [
        *heading(title, name or _("Not kept"), at),
        tiles([
            Tile(_("no room for"), found.missing, bad=bool(found.missing)),
            Tile(_("find their place"), found.placed),
            *_tiles(found.total.then),
        ]),
        Spacer(1, 6 * mm),
        *lines(_("Changes"), [
            Line(f"{one.words}. {found.problems.get(n, '')}".strip(), n not in found.problems) for n, one in enumerate(changes)
        ]),
        *section(_groups(found)),
        *section(Section(
            _("What does not fit, and what would make it fit"),
            [_("Service"), _("No room for"), _("Why")],
            [[part.name, part.missing, shown.why(part)] for part in found.misfits],
            frozenset({1}),
        )),
    ]  # fmt: skip
    return document(f"{title} {name} {at}", story)


def _tiles(then: Figures | None) -> list[Tile]:
    if then is None:
        return []
    return [
        Tile(_("CPU promised then"), units.shown(then.cpu_share, "ratio")),
        Tile(_("memory promised then"), units.shown(then.memory_share, "ratio")),
    ]


def _groups(found: Outcome) -> Section:
    head = [
        _("Host group"), _("When"), _("Hosts"), _("Instances"), _("CPU promised"), _("of it"), _("free"),
        _("Memory promised"), _("of it"), _("free"),
    ]  # fmt: skip
    rows = []
    for row in (*found.rows, found.total):
        for when, one in ((_("today"), row.now), (_("then"), row.then)):
            rows.append([row.name or _("all"), when, *_cells(one or Figures(row.name))])
    return Section(_("Today, and then"), head, rows, frozenset(range(2, len(head))))


def _cells(one: Figures) -> list[str | int]:
    return [
        one.hosts,
        one.instances,
        units.shown(one.used_cpus, "cores"),
        units.shown(one.cpu_share, "ratio"),
        units.shown(one.free_cpus, "cores"),
        units.shown(one.used_memory, "bytes"),
        units.shown(one.memory_share, "ratio"),
        units.shown(one.free_memory, "bytes"),
    ]
