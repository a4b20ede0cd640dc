"""A picture of parts: each as large as its number, as dark as it is used. Pure; all that it says stands in the table beside it, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import squarify
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

WIDTH, HEIGHT, GAP = 1000.0, 240.0, 3.0
MOST = 48  # tiles; what is smaller is one tile together
LEAST_WIDTH, LEAST_HEIGHT, LETTER, LINE = 56.0, 26.0, 8.4, 19.0  # of what fits into a tile


@dataclass(frozen=True)
class Part:
    name: str
    size: float
    shown: str  # the size in words
    used: float | None = None  # the share of it that is used, 0 to 1
    url: str = ""

    @property
    def words(self) -> str:
        if self.used is None:
            return f"{self.name}: {self.shown}"
        return _("%(name)s: %(size)s, %(used)s %% of it used") % {
            "name": self.name,
            "size": self.shown,
            "used": round(100 * self.used),
        }


@dataclass(frozen=True)
class Tile:
    part: Part
    x: float
    y: float
    width: float
    height: float


def tiles(parts: Sequence[Part], width: float = WIDTH, height: float = HEIGHT) -> list[Tile]:
    """The largest first, from the upper left corner on; what has no size has no tile."""
    ordered = sorted((part for part in parts if part.size > 0), key=lambda part: (-part.size, part.name))
    if not ordered:
        return []
    sizes = squarify.normalize_sizes([part.size for part in ordered], width, height)
    places = squarify.squarify(sizes, 0, 0, width, height)
    return [Tile(part, p["x"], p["y"], p["dx"], p["dy"]) for part, p in zip(ordered, places, strict=True)]


def drawn(parts: Sequence[Part], label: str) -> SafeString:
    """As SVG; empty where nothing has a size."""
    placed = tiles(parts)
    if not placed:
        return SafeString("")
    return format_html(
        '<svg class="xq-cap-tree" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        round(WIDTH), round(HEIGHT), label, format_html_join("", "{}", ((_drawn(tile),) for tile in placed)),
    )  # fmt: skip


def _drawn(tile: Tile) -> SafeString:
    width, height = max(0.5, tile.width - GAP), max(0.5, tile.height - GAP)
    used = 0.0 if tile.part.used is None else min(1.0, max(0.0, tile.part.used))
    inside = format_html(
        '<title>{}</title><rect class="ground" width="{}" height="{}"/><rect class="used" width="{}" height="{}" fill-opacity="{}"/>{}',
        tile.part.words, f"{width:.1f}", f"{height:.1f}", f"{width:.1f}", f"{height:.1f}", f"{0.08 + 0.62 * used:.2f}",
        _text(tile.part, width, height),
    )  # fmt: skip
    if tile.part.url:
        inside = format_html('<a href="{}">{}</a>', tile.part.url, inside)
    return format_html(
        '<svg x="{}" y="{}" width="{}" height="{}">{}</svg>',
        f"{tile.x + GAP / 2:.1f}", f"{tile.y + GAP / 2:.1f}", f"{width:.1f}", f"{height:.1f}", inside,
    )  # fmt: skip


def _text(part: Part, width: float, height: float) -> SafeString:
    """As much as fits."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return SafeString("")
    room = int((width - 12) / LETTER)
    rows = [("name", part.name), ("size", part.shown)][: 2 if height >= LEAST_HEIGHT + LINE else 1]
    return format_html_join(
        "",
        '<text class="{}" x="7" y="{}">{}</text>',
        (
            (css, f"{19 + n * LINE:.0f}", text if len(text) <= room else f"{text[: max(1, room - 1)]}…")
            for n, (css, text) in enumerate(rows)
        ),
    )
