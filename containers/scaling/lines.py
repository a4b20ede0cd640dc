"""Points of calendars and of the week as lines of text, as people type them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def market_of(text: str) -> list[dict[str, Any]]:
    """«sse open -20 12», a line a point. Raises Refused with the line."""
    found = []
    for line in _lines(text):
        parts = line.split()
        if len(parts) != 4:
            raise _refused(line, "market")
        slug, anchor, minutes, instances = parts
        found.append(
            {
                "calendar": slug,
                "anchor": anchor.lower(),
                "minutes": _number(minutes, line, "market"),
                "instances": _number(instances, line, "market"),
            }
        )
    return found


def week_of(text: str) -> list[dict[str, Any]]:
    """«mon-fri 08:30 5», a line a point; days are names or numbers from 1 (Monday), with commas and dashes. Raises Refused."""
    found = []
    for line in _lines(text):
        parts = line.split()
        if len(parts) != 3:
            raise _refused(line, "week")
        days, at, instances = parts
        found.append({"days": _days(days, line), "at": at, "instances": _number(instances, line, "week")})
    return found


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """What can be read of a stored list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def market_text(points: Sequence[Mapping[str, Any]]) -> str:
    """Also of points that cannot be read: what is missing is «?»."""
    return "\n".join(_told(one, "calendar", "anchor", "minutes", "instances") for one in points)


def week_text(points: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(_told({**one, "days": days_text(one.get("days"))}, "days", "at", "instances") for one in points)


def _told(point: Mapping[str, Any], *names: str) -> str:
    values = [point.get(name, "?") for name in names]
    return " ".join(
        f"{v:+d}" if n == "minutes" and type(v) is int else str(v) for n, v in zip(names, values, strict=True)
    )


def days_text(days: Any) -> str:
    """[0, 1, 2, 4] is «mon-wed,fri»; what are no days is «?»."""
    if not isinstance(days, list | tuple) or not days or not all(type(day) is int and 0 <= day <= 6 for day in days):
        return "?"
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def _lines(text: str) -> list[str]:
    return [line for raw in text.splitlines() if (line := " ".join(raw.split()))]


def _days(text: str, line: str) -> list[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _dash, last = part.partition("-")
        a, b = _day(first, line), _day(last or first, line)
        if a > b:
            raise _refused(line, "week")
        found.update(range(a, b + 1))
    return sorted(found)


def _day(text: str, line: str) -> int:
    if text in DAYS:
        return DAYS.index(text)
    if text in {"1", "2", "3", "4", "5", "6", "7"}:
        return int(text) - 1
    raise _refused(line, "week")


def _number(text: str, line: str, field: str) -> int:
    digits = text.lstrip("+-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and len(text) - len(digits) <= 1):
        raise _refused(line, field)
    return int(text)


def _refused(line: str, field: str) -> Refused:
    return Refused(_("This line is not written as the example: %(line)s") % {"line": line[:60]}, field, 400)
