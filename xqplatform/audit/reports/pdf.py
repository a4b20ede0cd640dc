"""A report as PDF (A4): the first page is the month at a glance, the others are the evidence."""

from __future__ import annotations

from django.utils.translation import gettext as _
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Spacer

from xqplatform.audit.reports import paper
from xqplatform.web.pdf import BOLD, WIDTH, bars, beside, document, heading, lines, said, section, style, table, tiles

TOP = 6  # rows of a table on the first page


def made(report: paper.Report) -> bytes:
    """The whole document."""
    story = [*_first_page(report), PageBreak()]
    for one in report.sections:
        story += section(one)
    return document(f"{_('Audit report')} {report.title}", story)


def _first_page(report: paper.Report) -> list[Flowable]:
    return [
        *heading(_("Audit report"), report.title, report.subtitle),
        tiles(report.tiles),
        Spacer(1, 6 * mm),
        said(_("Events a day"), style(10.5, fontName=BOLD)),
        Spacer(1, 2 * mm),
        bars(report.days),
        Spacer(1, 6 * mm),
        *lines(_("Does the log prove itself?"), report.proof),
        Spacer(1, 5 * mm),
        *lines(_("What somebody should look at"), report.look),
        Spacer(1, 6 * mm),
        beside([_top(report.most), _top(report.ages)]),
    ]


def _top(of: paper.Section) -> list[Flowable]:
    """A short table of half the page's width."""
    return [
        said(of.title, style(10.5, fontName=BOLD)),
        Spacer(1, 1.5 * mm),
        table(of, of.rows[:TOP], WIDTH / 2 - 4 * mm),
    ]
