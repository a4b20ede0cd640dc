"""Parts of documents as PDF (A4), for whoever has figures to take along. No font is embedded: Latin letters are Helvetica's, all
others are of the font that every reader of PDF brings along for Chinese.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import Any

from django.utils.translation import gettext as _
from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from xqplatform.web import paper

LATIN, BOLD, CHINESE, SIGNS = "Helvetica", "Helvetica-Bold", "STSong-Light", "ZapfDingbats"
MARGIN = 16 * mm
WIDTH = A4[0] - 2 * MARGIN
PADDING = 6  # that the library leaves inside of a page's margins, in points
SHOWN = 40  # rows of a table; the CSV has all
LONGEST = 300  # characters of a cell: a row is no longer than a page
INK, SOFT, FAINT, PALE = (colors.HexColor(one) for one in ("#1b2434", "#5f6b7a", "#d9dee5", "#f4f6fa"))
BLUE, GOOD, BAD = (colors.HexColor(one) for one in ("#206bc4", "#23883a", "#c22b2b"))


@lru_cache(maxsize=1)
def _register() -> None:
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))


def _is_latin(sign: str) -> bool:
    return sign.isascii() or bool(sign.encode("cp1252", "ignore"))


def _text(value: object, most: int = LONGEST) -> str:
    """Escaped, each stretch in the font that has it, without what none has."""
    plain = " ".join(str(value).split())
    plain = plain[:most] + ("…" if len(plain) > most else "")
    plain = "".join(s if " " <= s <= "\uffff" and not "\ud800" <= s <= "\udfff" else "□" for s in plain)
    found, run, latin = [], "", True
    for sign in [*plain, ""]:
        if run and (not sign or _is_latin(sign) != latin):
            found.append(escape(run) if latin else f'<font name="{CHINESE}">{escape(run)}</font>')
            run = ""
        latin, run = _is_latin(sign) if sign else latin, run + sign
    return "".join(found)


def style(size: float, color: Any = INK, **more: Any) -> ParagraphStyle:
    more.setdefault("fontName", LATIN)
    return ParagraphStyle("text", fontSize=size, leading=size * 1.38, textColor=color, splitLongWords=1, **more)


def said(value: object, style: ParagraphStyle, most: int = LONGEST) -> Paragraph:
    """Chinese is broken anywhere, other texts between words."""
    _register()
    text = _text(value, most)
    if CHINESE in text:
        style = style.clone("chinese", wordWrap="CJK")
    return Paragraph(text, style)


class _Numbered(Canvas):  # type: ignore[misc]
    """Writes «page 2 of 5» at the end, when it is known how many there are."""

    def __init__(self, title: str, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._title = title
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]  # the library's own way to a next page

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setStrokeColor(FAINT)
            self.line(MARGIN, 13 * mm, A4[0] - MARGIN, 13 * mm)
            words = _("page %(n)d of %(all)d") % {"n": number, "all": len(self._pages)}
            for text, look, at in (
                (f"xqplatform · {self._title}", style(7.5, SOFT), MARGIN),
                (words, style(7.5, SOFT, alignment=2), MARGIN + WIDTH / 2),
            ):
                flow = said(text, look)
                flow.wrap(WIDTH / 2, 10 * mm)
                flow.drawOn(self, at, 8.5 * mm)
            super().showPage()
        super().save()


def _grouped(cell: paper.Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell


def beside(parts: list[list[Flowable]]) -> Flowable:
    table = Table([parts], colWidths=[WIDTH / 2] * 2)
    table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
    return table


def tiles(tiles: Sequence[paper.Tile]) -> Flowable:
    rows = [[_tile(one) for one in tiles[at : at + 5]] for at in range(0, len(tiles), 5)]
    table = Table(rows, colWidths=[WIDTH / 5] * 5)
    table.setStyle([
        ("BACKGROUND", (0, 0), (-1, -1), PALE), ("INNERGRID", (0, 0), (-1, -1), 3, colors.white),
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 7), ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
    ])  # fmt: skip
    return table


def _tile(tile: paper.Tile) -> list[Flowable]:
    found: list[Flowable] = [
        said(tile.label, style(7.5, SOFT)),
        said(_grouped(tile.value), style(19, BAD if tile.bad else INK, fontName=BOLD)),
    ]
    if tile.before is not None:
        found.append(said(_("%(n)s the month before") % {"n": f"{tile.before:,}"}, style(7, SOFT)))
    if tile.note:
        found.append(said(tile.note, style(7, SOFT)))
    return found


def bars(counts: Sequence[int], names: Sequence[str] = ()) -> Drawing:
    """A bar each, from zero; every seventh is named (by its number, where no names are given), and the highest number."""
    height, below, left = 26 * mm, 5 * mm, 11 * mm
    drawing, most = Drawing(WIDTH, height + below + 3 * mm), max([*counts, 1])
    step = (WIDTH - left) / max(len(counts), 1)
    for part in (0, most):
        y = below + height * part / most
        drawing.add(Line(left, y, WIDTH, y, strokeColor=FAINT, strokeWidth=0.5))
        drawing.add(
            String(left - 3, y - 2.5, f"{part:,}", fontName=LATIN, fontSize=7, fillColor=SOFT, textAnchor="end")
        )
    for n, count in enumerate(counts):
        x = left + n * step
        if count:
            bar = Rect(x + step * 0.14, below, step * 0.72, max(0.6, height * count / most))
            bar.fillColor, bar.strokeColor = BLUE, None
            drawing.add(bar)
        if n % 7 == 0:
            drawing.add(String(x + step / 2, 0.8 * mm, names[n] if names else str(n + 1), fontName=LATIN, fontSize=7, fillColor=SOFT, textAnchor="middle"))  # fmt: skip
    return drawing


def lines(title: str, lines: Sequence[paper.Line]) -> list[Flowable]:
    """Sentences, each behind a tick or an exclamation mark."""
    head = [said(title, style(10.5, fontName=BOLD)), Spacer(1, 1.5 * mm)]
    if not lines:
        return [*head, said(_("None."), style(8.5, SOFT)), Spacer(1, 5 * mm)]
    rows = [
        [
            Paragraph(f'<font name="{SIGNS}">\u2714</font>' if one.good else "!", style(10, GOOD if one.good else BAD, fontName=BOLD, alignment=1)),
            said(one.text, style(9), 600),
        ]
        for one in lines
    ]  # fmt: skip
    table = Table(rows, colWidths=[7 * mm, WIDTH - 7 * mm])
    table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 2)])  # fmt: skip
    return [*head, table]


def section(section: paper.Section, *, whole: bool = False) -> list[Flowable]:
    """`whole`: all of its rows, since no CSV has them."""
    title = said(section.title, style(11.5, fontName=BOLD))
    if not section.rows:
        return [KeepTogether([title, Spacer(1, 1 * mm), said(_("None."), style(8.5, SOFT)), Spacer(1, 5 * mm)])]
    shown = section.rows if whole else section.rows[:SHOWN]
    left = len(section.rows) - len(shown)
    found: list[Flowable] = [title, Spacer(1, 1.5 * mm), table(section, shown, WIDTH)]
    if left > 0:
        found.append(said(_("%(n)d more are in the CSV.") % {"n": left}, style(8, SOFT)))
    short = [KeepTogether(found)] if len(section.rows) <= 8 else [CondPageBreak(A4[1] / 5), *found]
    return [*short, Spacer(1, 6 * mm)]


def table(section: paper.Section, shown: Sequence[Sequence[paper.Cell]], width: float) -> Flowable:
    def cells(row: Sequence[paper.Cell], color: Any, font: str) -> list[Flowable]:
        return [
            said(cell, style(8, color, fontName=font, alignment=2 if n in section.numbers else 0))
            for n, cell in enumerate(row)
        ]

    shown = [[_whole(_grouped(cell)) for cell in row] for row in shown]
    rows = [cells(section.head, SOFT, BOLD), *(cells(row, INK, LATIN) for row in shown)]
    table = Table(rows, colWidths=_widths(section.head, shown, width), repeatRows=1, hAlign="LEFT")
    table.setStyle([
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, SOFT), ("LINEBELOW", (0, 1), (-1, -1), 0.3, FAINT), ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 2.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ])  # fmt: skip
    return table


def _whole(cell: str) -> str:
    """A share is not broken before its sign."""
    return cell.replace(" %", "\xa0%")


def _widths(head: Sequence[str], rows: Sequence[Sequence[paper.Cell]], width: float) -> list[float]:
    """Of the columns, in points: none narrower than its longest word (as far as all of these fit), the rest as what stands in them is long."""
    texts = [[str(word), *(str(row[n]) for row in rows)] for n, word in enumerate(head)]
    least = [min(width / 3, GAP + max(_longest(text) for text in column)) for column in texts]
    if sum(least) > width:
        return [one * width / sum(least) for one in least]
    wishes = [max(0.1, min(60, max(map(_long, column))) * 4.5 - own) for column, own in zip(texts, least, strict=True)]
    left = width - sum(least)
    return [own + left * wish / sum(wishes) for own, wish in zip(least, wishes, strict=True)]


GAP = 9  # points between columns


def _longest(text: str) -> float:
    """The width in points of the longest word; Chinese is broken anywhere."""
    return max(
        (
            pdfmetrics.stringWidth(word, BOLD, 8)
            for word in re.split(r"[ \t\n]+", text)
            if word.isascii() or "\xa0" in word
        ),
        default=16.0,
    )


def _long(text: str) -> int:
    """In Latin letters: a Chinese sign is as wide as two."""
    return len(re.sub(r"[^\x00-\xff]", "xx", text))


def document(title: str, story: list[Flowable]) -> bytes:
    """The whole document, each page with its number and the title."""
    out = io.BytesIO()
    pages = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=MARGIN - PADDING, rightMargin=MARGIN - PADDING, topMargin=MARGIN, bottomMargin=18 * mm,
        title=title, author="xqplatform",
    )  # fmt: skip

    def canvas(*args: Any, **more: Any) -> Canvas:
        return _Numbered(title, *args, **more)

    pages.build(story, canvasmaker=canvas)
    return out.getvalue()


def heading(kind: str, title: str, subtitle: str) -> list[Flowable]:
    """At the top of the first page."""
    return [
        said(kind, style(9.5, BLUE, fontName=BOLD)),
        said(title, style(25, fontName=BOLD)),
        Spacer(1, 1.5 * mm),
        said(subtitle, style(9, SOFT)),
        Spacer(1, 5 * mm),
    ]
