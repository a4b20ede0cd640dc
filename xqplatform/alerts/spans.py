"""Times as people type them: «5 min», «300», «2h», «1 d»."""

from __future__ import annotations

import re

_TYPED = re.compile(r"\s*([0-9]{1,7}(?:\.[0-9]{1,2})?)\s*([a-z秒分钟小时天]*)\s*")
UNITS = {
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "秒": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60, "分": 60, "分钟": 60,
    "h": 3600, "hour": 3600, "hours": 3600, "小时": 3600,
    "d": 86400, "day": 86400, "days": 86400, "天": 86400,
}  # fmt: skip
LONGEST = 31 * 86400


def parse(text: str) -> int | None:
    """Seconds; None for what is no time."""
    found = _TYPED.fullmatch(text.strip().lower())
    if found is None or found[2] not in UNITS:
        return None
    seconds = float(found[1]) * UNITS[found[2]]
    return round(seconds) if seconds <= LONGEST else None


def shown(seconds: int) -> str:
    """As it can be typed again: «5 min»."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
