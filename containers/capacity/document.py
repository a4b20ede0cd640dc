"""The overview as a PDF: what there is, how long it lasts, and who has it."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from containers.capacity import overview, shown, words
from containers.capacity.models import Of, Span
from containers.capacity.runway import LOOK_BACK, State
from hosts.services.pools import Pool
from xqplatform.metrics import units
from xqplatform.web import paper, pdf

MOST = 8  # sentences of what ends first


def made(
    what: overview.Asked, fleet: Span, rows: Sequence[Span], ends: Sequence[overview.Ends], pools: Sequence[Pool]
) -> bytes:
    """In the language that is active."""
    day = date_format(timezone.localdate(), "DATE_FORMAT")
    subtitle = (
        _("As it stands now; used figures of the last %(n)d whole days by UTC, until %(day)s.")
        % {"n": what.days, "day": date_format(fleet.until, "DATE_FORMAT")}
        if fleet.pk is not None
        else _("As it stands now. Trends, and how long it lasts, come with the first whole day.")
    )
    title = _("Capacity")
    story = [
        *pdf.heading(title, day, subtitle),
        pdf.tiles([paper.Tile(one.title, one.percent, note=one.words) for one in shown.cards(fleet, ends, pools)]),
        Spacer(1, 6 * mm),
        *pdf.lines(_("What ends first"), _first(ends)),
        Spacer(1, 6 * mm),
        *pdf.section(_runways(ends), whole=True),
        *pdf.section(_lines(what, rows)),
    ]
    return pdf.document(f"{title} {day}", story)


def _first(ends: Sequence[overview.Ends]) -> list[paper.Line]:
    found = [one for one in ends if one.found.state in {State.FULL, State.ENDS}][:MOST]
    if not ends:
        return [paper.Line(_("That cannot be told yet: it takes two weeks of whole days."), True)]
    return [paper.Line(words.sentence(one), not shown.is_soon(one)) for one in found] or [
        paper.Line(_("Nothing is foreseen to run out."), True)
    ]


def _runways(ends: Sequence[overview.Ends]) -> paper.Section:
    head = [_("What"), _("Where"), _("Counted by"), _("Capacity"), _("In use"), _("Lasts")]
    rows = [
        [str(one["what"]), one["name"], one["basis"], units.shown(one["capacity"], one["unit"]), units.shown(one["level"], one["unit"]), one["ends"]]
        for one in map(shown.runway, ends)
    ]  # fmt: skip
    title = _("How long it lasts (trend of the last %(n)d days, range of 90 %%)") % {"n": LOOK_BACK}
    return paper.Section(title, head, rows, frozenset({3, 4}))


def _lines(what: overview.Asked, rows: Sequence[Span]) -> paper.Section:
    of_hosts = what.by in {Of.GROUP, Of.HOST}
    has = [_("CPU, capacity")] if of_hosts else []
    more = [_("memory, capacity")] if of_hosts else []
    head = [str(shown.WORDS[Of(what.by)]), _("Instances"), *has, _("CPU, promised"), _("CPU, p95"), *more, _("memory, promised"), _("memory, p95")]  # fmt: skip
    found = []
    for span in rows:
        part = shown.covered(span)
        name = (
            _("%(name)s (%(part)s measured)") % {"name": shown.name_of(span), "part": part}
            if part
            else shown.name_of(span)
        )
        cells: list[paper.Cell] = [name, span.instances]
        for one in (shown.figures(span, *shown.CPU), shown.figures(span, *shown.MEMORY)):
            there = _("%(has)s, %(free)s free") % {"has": one.has, "free": one.free}
            cells += [*([there] if of_hosts else []), one.promised, one.p95]
        found.append(cells)
    return paper.Section(_("Who has it, who uses it"), head, found, frozenset(range(1, len(head))))
