"""The scorecard on paper: the range at a glance on the first page, teams and services behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils.translation import gettext as _
from reportlab.lib.units import mm
from reportlab.platypus import PageBreak, Spacer

from containers.capacity import score_words
from containers.capacity.score_detail import Detail, PlaceHealth
from containers.capacity.scorecard import Card, Score
from containers.capacity.scoring import Tally
from containers.capacity.templatetags.scorecard import available, budget_words, part, rate
from xqplatform.web.paper import Section, Tile
from xqplatform.web.pdf import BOLD, bars, document, heading, said, section, style, tiles
from xqplatform.web.templatetags.xq import duration


def made(card: Card, where: str) -> bytes:
    """`where`: the environment's title. In the language that is active."""
    title, span = _("Scorecard"), f"{card.first} – {card.last} (UTC)"
    counts = [changes for changes, _bad in card.whole.bars]
    story = [
        *heading(title, where, _("%(span)s, compared with as many weeks before") % {"span": span}),
        tiles(_tiles(card.whole)),
        Spacer(1, 6 * mm),
        said(_("Releases a week"), style(10.5, fontName=BOLD)),
        Spacer(1, 2 * mm),
        bars(counts, [f"{week:%G-W%V}" for week in card.weeks]),
        Spacer(1, 6 * mm),
        *section(_scores(_("By team"), _("Team"), card.teams)),
    ]
    for name, words in score_words.definitions():
        story += [said(name, style(8.5, fontName=BOLD)), said(words, style(8), 1000), Spacer(1, 1.5 * mm)]
    if card.services:
        story += [PageBreak(), *section(_scores(_("By service"), _("Service"), card.services))]
    return document(f"{title} {span}", story)


def of_service(title: str, detail: Detail, health: Sequence[PlaceHealth]) -> bytes:
    """One service: its weeks, the newest first, and how available its places are. In the language that is active."""
    weeks, tally = detail.weeks, detail.whole
    span = f"{weeks[-1][0]} – {weeks[0][0] + timedelta(days=6)} (UTC)"
    head = [
        _("Week"), _("Releases"), _("Lead time"), _("Change failures"), _("Time to restore"), _("Success"), _("Rolled back"),
    ]  # fmt: skip
    rows = [[f"{week:%G-W%V}", str(one.succeeded), *_shares(one)] for week, one in weeks]
    rows.append([_("All"), str(tally.succeeded), *_shares(tally)])
    places = [
        [
            one.place.environment.local_title, available(one.standing.span if one.standing else None),
            f"{one.standing.objective.shown}" if one.standing and one.standing.objective else "–",
            budget_words(one.standing.budget) if one.standing and one.standing.objective else "–",
        ]
        for one in health
    ]  # fmt: skip
    columns = [_("Environment"), _("Available"), _("Objective"), _("Error budget")]
    story = [
        *heading(_("Scorecard"), title, span),
        bars([one.changes for _week, one in reversed(weeks)], [f"{week:%G-W%V}" for week, _one in reversed(weeks)]),
        Spacer(1, 6 * mm),
        *section(Section(_("By week"), head, rows, frozenset(range(1, len(head))))),
    ]
    if places:
        story += section(Section(_("By environment"), columns, places, frozenset({1, 2, 3})))
    return document(f"{title} {span}", story)


def _shares(tally: Tally) -> list[str]:
    return [
        duration(tally.lead_median), part(tally.failure_rate), duration(tally.restore_median), part(tally.success_rate),
        part(tally.rollback_rate),
    ]  # fmt: skip


def _tiles(one: Score) -> list[Tile]:
    tally, before = one.tally, one.before
    none = _("no releases")

    def was(value: str) -> str:
        return _("before: %(value)s") % {"value": value if not before.empty else none}

    restored = _("%(n)d not restored") % {"n": tally.open} if tally.open else ""
    return [
        Tile(_("releases a week"), rate(one.frequency) if not tally.empty else none, None, was(rate(one.frequency_before))),
        Tile(_("lead time, median"), duration(tally.lead_median), None, was(duration(before.lead_median))),
        Tile(_("change failure rate"), part(tally.failure_rate), None, was(part(before.failure_rate))),
        Tile(
            _("time to restore, median"), duration(tally.restore_median), None,
            restored or was(duration(before.restore_median)), bad=bool(tally.open),
        ),
        Tile(_("available"), available(one.span), None, was(available(one.span_before))),
    ]  # fmt: skip


def _scores(title: str, first: str, scores: Sequence[Score]) -> Section:
    head = [
        first, _("Releases a week"), _("Lead time"), _("Change failures"), _("Time to restore"), _("Success"),
        _("Rolled back"), _("Available"), _("Error budget"),
    ]  # fmt: skip
    return Section(title, head, [_row(one) for one in scores], frozenset(range(1, len(head))))


def _row(one: Score) -> list[str]:
    tally = one.tally
    numbers = [
        rate(one.frequency), duration(tally.lead_median), part(tally.failure_rate), duration(tally.restore_median),
        part(tally.success_rate), part(tally.rollback_rate),
    ]  # fmt: skip
    if tally.empty:
        numbers = [_("no releases"), *("–" for _one in numbers[1:])]
    budget = "–"
    if one.promised:
        kept = _("%(kept)s of %(n)s kept") % {"kept": one.kept, "n": one.promised}
        budget = budget_words(one.standing.budget) if one.standing else kept
    return [one.title or _("no team"), *numbers, available(one.span), budget]
