"""Right-sizing on paper: what could be freed and what is lacking, and place by place why. In the language that is active."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.utils.translation import gettext as _
from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from containers.capacity import sizes, sizing_words
from containers.capacity.rightsizing import Risk, Wish
from containers.capacity.sizes import Size
from containers.capacity.sizing_words import cores, size
from xqplatform.web.paper import Section, Tile
from xqplatform.web.pdf import SHOWN, document, heading, said, section, style, tiles


def made(rows: Sequence[Size], wish: Wish, last: date | None) -> bytes:
    """`rows`: as they were filtered and sorted; `last`: the last day that is rolled up."""
    title, day = _("Right-sizing"), f"{last or '–'}"
    freed, needed = sizing_words.sums(rows)
    about = _("Limits of one instance against what the busiest one used in the %(days)s days up to %(day)s.")
    risks = sizes.risks([one for one in rows[:SHOWN] if one.advice.changes])
    story = [
        *heading(title, _("%(n)d places") % {"n": len(rows)}, about % {"days": wish.days, "day": day}),
        tiles([
            Tile(_("of CPU could be freed"), cores(freed.cpus)),
            Tile(_("of memory could be freed"), size(freed.memory)),
            Tile(_("of CPU are lacking elsewhere"), cores(needed.cpus)),
            Tile(_("of memory are lacking elsewhere"), size(needed.memory)),
        ]),
        Spacer(1, 4 * mm),
        *(said(f"{words}: {n}", style(9)) for words, n in _counts(rows)),
        Spacer(1, 4 * mm),
        *section(_places(rows, wish, risks)),
        said(" ".join(sizing_words.measured(wish)), style(8), 600),
    ]  # fmt: skip
    return document(f"{title} {day}", story)


def _counts(rows: Sequence[Size]) -> list[tuple[str, int]]:
    return [(str(title), n) for _mark, title, n in sizing_words.counts(rows)]


def _places(rows: Sequence[Size], wish: Wish, risks: dict[int, Risk]) -> Section:
    head = [
        _("Service"), _("Instances"), _("State and why"), _("CPU limit"), _("p99"), _("Memory limit"), _("highest"),
        _("Freed"), _("Risk"),
    ]  # fmt: skip
    found = [_row(one, wish, risks.get(one.place)) for one in rows]
    return Section(_("Place by place"), head, found, frozenset({1}))


def _row(one: Size, wish: Wish, risk: Risk | None) -> list[str | int]:
    now, new, saved = one.advice.now, one.advice.proposed, one.saved
    changes = one.advice.changes
    return [
        one.name, one.instances, " ".join(words for _mark, words in sizing_words.evidence(one, wish)),
        _to(cores(now.cpus), cores(new.cpus)), cores(one.past.cpu), _to(size(now.memory), size(new.memory)),
        size(one.past.peak), f"{cores(saved.cpus)}, {size(saved.memory)}" if changes else "–",
        sizing_words.risk(risk) if changes else "–",
    ]  # fmt: skip


def _to(now: str, new: str) -> str:
    return now if now == new else f"{now} → {new}"
