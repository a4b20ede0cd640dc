"""Costs on paper: the newest months at a glance, then teams and services month by month. In the language that is active."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from containers.capacity import cost_words
from containers.capacity.cost_card import Card, Row
from containers.capacity.templatetags.scorecard import money, part_change, part_of
from xqplatform.web.paper import Line, Section, Tile
from xqplatform.web.pdf import BOLD, document, heading, lines, said, section, style, tiles

FEW = 6  # months with two digits behind the point; more of them have room for whole amounts


def made(card: Card, where: str) -> bytes:
    """`where`: what was asked for, in words."""
    title, span = _("Cost"), f"{card.months[0]:%Y-%m} – {card.now:%Y-%m} (UTC)"
    story = [
        *heading(title, where, f"{span}, {card.currency}" if card.currency else span),
        tiles(_tiles(card)),
        Spacer(1, 6 * mm),
    ]
    if card.unpriced:
        story += lines(_("Hosts without a price cost nothing here"), [Line(", ".join(card.unpriced), good=False)])
        story.append(Spacer(1, 4 * mm))
    story += [
        *section(_rows(_("By team"), _("Team"), card, [*card.teams, *_sums(card)])),
        *section(_rows(_("By service"), _("Service"), card, card.services)),
        said(_("How it is counted"), style(8.5, fontName=BOLD)),
        said(cost_words.counted(), style(8), 1000),
    ]
    return document(f"{title} {span}", story)


def _tiles(card: Card) -> list[Tile]:
    days = ngettext("%(month)s, %(n)s day counted", "%(month)s, %(n)s days counted", card.days)
    whole, rest = card.whole, card.unallocated
    return [
        Tile(days % {"month": f"{card.now:%Y-%m}", "n": card.days}, money(whole.amounts[-1])),
        Tile(_("the month before"), money(whole.last), None, part_change(whole.change)),
        Tile(_("of it unallocated"), money(rest.last), None, part_of(rest.last, whole.last)),
    ]


def _sums(card: Card) -> list[Row]:
    named = [(card.unallocated, _("unallocated")), (card.whole, _("All hosts"))]
    if not card.others.nothing:
        named.insert(0, (card.others, _("others")))
    return [Row(row.key, title, row.team, row.amounts, row.alike) for row, title in named]


def _rows(title: str, first: str, card: Card, rows: Sequence[Row]) -> Section:
    months = [f"{month:%Y-%m}" for month in card.months]
    months[-1] = _("%(month)s so far") % {"month": months[-1]}
    head = [first, *months, _("Month over month")]
    found = [
        [row.title or _("no team"), *(_amount(one, card) for one in row.amounts), part_change(row.change)]
        for row in rows
    ]
    return Section(title, head, found, frozenset(range(1, len(head))))


def _amount(value: float | None, card: Card) -> str:
    return money(value) if value is None or len(card.months) <= FEW else f"{value:,.0f}"
