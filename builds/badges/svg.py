"""A badge as a picture (pure)."""

from __future__ import annotations

import unicodedata

from django.utils.html import escape

TONES = {"ok": "#2e7d32", "bad": "#c62828", "busy": "#1565c0", "off": "#5f6368"}
LONGEST = 60  # characters of a side


def badge(label: str, text: str, tone: str) -> str:
    """Two fields, grey and coloured. Whatever the texts hold, it is well-formed and shows it as text."""
    left, right = _text(label), _text(text)
    a, b = _width(left), _width(right)
    words, colour = escape(f"{left}: {right}"), TONES.get(tone, TONES["off"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{a + b}" height="20" role="img" aria-label="{words}">'
        f'<title>{words}</title><clipPath id="r"><rect width="{a + b}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{a}" height="20" fill="#444"/>'
        f'<rect x="{a}" width="{b}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'{_field(left, a / 2, a)}{_field(right, a + b / 2, b)}</g></svg>'
    )  # fmt: skip


def _field(text: str, middle: float, width: int) -> str:
    return (
        f'<text x="{middle:g}" y="14" textLength="{width - 10}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )


def _text(text: str) -> str:
    """What XML can hold, in one line, not too long."""
    line = "".join(char for char in text if char.isprintable() and char not in "\ufffe\uffff")
    return f"{line[: LONGEST - 1]}…" if len(line) > LONGEST else line or "–"


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return round(10 + 6.6 * (len(text) - wide) + 11 * wide)
