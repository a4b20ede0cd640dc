"""A report as CSV: all tables one under the other, in one form throughout, so that it can be filtered by its first column. Pure."""

from __future__ import annotations

import csv
import io

from django.utils.translation import gettext as _

from xqplatform.audit.reports import paper
from xqplatform.web.tables import safe_cell


def made(report: paper.Report) -> str:
    """Each row begins with the table that it is of. What a spreadsheet would run as a formula is made text."""
    out = io.StringIO()
    writer = csv.writer(out)

    def write(*cells: object) -> None:
        writer.writerow([safe_cell(cell) for cell in cells])

    write(_("Audit report"), report.month, report.subtitle)
    write()
    title = _("Figures")
    write(title, _("What"), report.month, _("The month before"), _("Note"))
    for tile in report.tiles:
        write(title, tile.label, tile.value, tile.before, tile.note)
    for title, lines in (
        (_("Does the log prove itself?"), report.proof),
        (_("What somebody should look at"), report.look),
    ):
        write()
        for line in lines:
            write(title, _("good") if line.good else _("to look at"), line.text)
    write()
    title = _("Events a day")
    write(title, _("Day"), _("Events"))
    for n, count in enumerate(report.days, 1):
        write(title, f"{report.month}-{n:02d}", count)
    for section in report.sections:
        write()
        write(section.title, *section.head)
        for row in section.rows:
            write(section.title, *row)
    return "\ufeff" + out.getvalue()
