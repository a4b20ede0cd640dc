"""Small bars as SVG: releases by week, and availability by day. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.capacity.availability import Span

STEP, WIDE, HIGH = 8, 6, 24  # of a bar, in the picture's own units; it is stretched to the place that it gets


def _bar(n: int, height: float, floor: float = HIGH) -> str:
    return f"M{n * STEP} {floor:g}v{-height:.1f}h{WIDE}v{height:.1f}z"


def _svg(words: str, parts: Sequence[tuple[str, str]], count: int, css: str) -> SafeString:
    return format_html(
        '<span class="xqs-bars {0}" title="{1}"><svg viewBox="0 0 {2} {3}" preserveAspectRatio="none" role="img" '
        'aria-label="{1}">{4}</svg></span>',
        css,
        words,
        count * STEP,
        HIGH,
        format_html_join("", '<path class="{}" d="{}"/>', parts),
    )


def weeks(bars: Sequence[tuple[int, int]], css: str = "") -> SafeString:
    """Changes a week from zero, those that failed at the bottom; a week without any is a line."""
    most = max((changes for changes, _bad in bars), default=0)
    none = "".join(_bar(n, 1) for n, (changes, _bad) in enumerate(bars) if not changes)
    fine = "".join(_bar(n, HIGH * changes / most) for n, (changes, _bad) in enumerate(bars) if changes)
    failed = "".join(_bar(n, HIGH * bad / most) for n, (_changes, bad) in enumerate(bars) if bad)
    total, bad = sum(one for one, _bad in bars), sum(one for _changes, one in bars)
    words = ngettext("%(n)d week", "%(n)d weeks", len(bars)) % {"n": len(bars)}
    counted = ngettext(
        "%(n)d release, %(bad)d failed; %(most)d in the busiest week",
        "%(n)d releases, %(bad)d failed; %(most)d in the busiest week",
        total,
    )
    words += ": " + counted % {"n": total, "bad": bad, "most": most}
    return _svg(words, [("none", none), ("fine", fine), ("failed", failed)], len(bars), css)


def days(spans: Sequence[tuple[date, Span]], css: str = "") -> SafeString:
    """A bar a day: a whole one was available, what is missing was not; unknown days are a line."""
    fine, failed, none = [], [], []
    for n, (_day, span) in enumerate(spans):
        if span.share is None:
            none.append(_bar(n, 1))
            continue
        fine.append(_bar(n, HIGH))
        if span.bad:
            failed.append(_bar(n, max(3.0, HIGH * (1 - span.share))))
    words = ngettext("%(n)d day", "%(n)d days", len(spans)) % {"n": len(spans)}
    words += ": " + _("%(n)d with an outage, %(m)d unknown") % {"n": len(failed), "m": len(none)}
    parts = [("none", "".join(none)), ("fine", "".join(fine)), ("failed", "".join(failed))]
    return _svg(words, parts, len(spans), css)
