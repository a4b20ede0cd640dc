"""Places and lengths in per cent as classes: the policy of our pages allows no styles in the text (`static/shares.css`).

Steps are a tenth of a per cent, finer than a screen shows.
"""

from __future__ import annotations

import math

PROPERTIES = {"l": "left", "t": "top", "w": "width", "o": "opacity"}


def share(kind: str, percent: float | None) -> str:
    """The class that puts something at so many per cent (0–100, beyond is cut): left, top, width, or opacity. Raises KeyError."""
    if kind not in PROPERTIES:
        raise KeyError(kind)
    value = float(percent or 0)
    value = 0.0 if math.isnan(value) else min(100.0, max(0.0, value))
    return f"x{kind}{round(value * 10)}"


def css() -> str:
    """What `static/shares.css` holds; a test compares them."""
    rules = (f".x{kind}{n}{{{name}:{n / 10:g}%}}" for kind, name in PROPERTIES.items() for n in range(1001))
    return "\n".join(rules) + "\n"
