"""Numbers of metrics as people read them: 61.2 MiB, 1.4 k packets/s, 0.35 cores. static/charts.js does the same. Pure."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# The unit's words after a number; the catalogue has the keys.
WORDS: dict[str, Any] = {
    "cores": gettext_lazy("cores"),
    "percent": "%",
    "bytes": "B",
    "bytes/s": "B/s",
    "packets/s": gettext_lazy("packets/s"),
    "ops/s": gettext_lazy("operations/s"),
    "count": "",
    "per s": "/s",
    "seconds": "s",
    "ratio": "%",
    "": "",
}
BINARY, THOUSANDS = ("", "Ki", "Mi", "Gi", "Ti", "Pi"), ("", "k", "M", "G", "T")


class Scale(NamedTuple):
    """Values are divided by `divisor` and followed by `unit`."""

    divisor: float
    unit: str


def scale(unit: str, top: float) -> Scale:
    """The one scale of an axis that reaches up to `top`, so that all its numbers have the same unit."""
    words = str(WORDS.get(unit, unit))
    top = abs(top)
    if unit in {"bytes", "bytes/s"}:
        power = min(len(BINARY) - 1, int(math.log(top, 1024))) if top >= 1024 else 0
        return Scale(1024.0**power, BINARY[power] + words)
    if unit == "ratio":
        return Scale(0.01, words)
    if unit == "seconds":
        return Scale(1.0, words) if top >= 1 or top == 0 else Scale(0.001, "ms")
    if unit == "percent":
        return Scale(1.0, words)
    power = min(len(THOUSANDS) - 1, int(math.log(top, 1000))) if top >= 10_000 else 0
    gap = "" if words.startswith("/") else " "
    return Scale(1000.0**power, f"{THOUSANDS[power]}{gap}{words}".strip() if power else words)


def on_axis(one: Scale) -> str:
    """The unit at the top of an axis, where there is little room: «MiB/s», «k», or nothing for a long word."""
    if len(one.unit) <= 5:
        return one.unit
    return one.unit.split(" ")[0] if one.divisor != 1 else ""


def number(value: float) -> str:
    """Three digits that count, no more."""
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 100:
        return f"{value:,.0f}"
    text = f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"
    if "e" in text:
        text = f"{value:.4f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def shown(value: float | None, unit: str, otherwise: str = "–") -> str:
    """A value with its unit; binary units for bytes."""
    if value is None or not math.isfinite(value):
        return otherwise
    divisor, words = scale(unit, value)
    text = number(value / divisor)
    if not words:
        return text
    return f"{text}{words}" if words == "/s" else f"{text} {words}"


def steps(unit: str, top: float, most: int = 5) -> list[float]:
    """Where an axis from zero to at least `top` has its lines; the last is the axis's end."""
    if not math.isfinite(top) or top <= 1e-9:
        top = {"percent": 100.0, "ratio": 0.01, "bytes": 1024.0, "bytes/s": 1024.0}.get(unit, 1.0)
    divisor = scale(unit, top).divisor
    rough = top / divisor / most
    if unit in {"bytes", "bytes/s"} and rough >= 0.5:
        step = 2.0 ** math.ceil(math.log2(rough))
    else:
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough * 0.9999)
    if unit == "count":
        step = max(1.0, step)
    count = max(1, math.ceil(top / divisor / step - 1e-9))
    return [n * step * divisor for n in range(count + 1)]


def name(unit: str) -> str:
    """A unit by itself, for a heading or a column."""
    if unit == "count":
        return _("number")
    if unit == "per s":
        return _("per second")
    if unit in {"bytes", "bytes/s"}:
        return _("bytes") if unit == "bytes" else _("bytes/s")
    return str(WORDS.get(unit, unit))
