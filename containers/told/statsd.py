"""StatsD lines, with what DogStatsD adds to them. Pure. `name:value|type|@rate|#tags`; several values by `:` are one each."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import NamedTuple

from containers.told.names import pushed

KINDS = {"c": "counter", "g": "gauge", "ms": "timer", "h": "values", "d": "values"}
LONGEST = 8192  # of a datagram that is read
MOST_LINES = 200  # of one datagram


class Told(NamedTuple):
    """`rate`: the share of the events that was told. `change`: a gauge that goes up or down instead of being set."""

    name: str
    kind: str
    value: float
    rate: float = 1.0
    change: bool = False


def read(data: bytes) -> tuple[list[Told], int]:
    """What a datagram tells, and how many of its lines made no sense."""
    told: list[Told] = []
    bad = 0
    lines = data[:LONGEST].split(b"\n")
    for line in lines[:MOST_LINES]:
        text = line.strip().decode("utf-8", "replace")
        if not text or text.startswith(("_e{", "_sc|")):  # events and service checks of DogStatsD
            continue
        try:
            told += _line(text)
        except ValueError:
            bad += 1
    return told, bad + max(0, len(lines) - MOST_LINES)


def _line(text: str) -> Iterator[Told]:
    """Raises ValueError."""
    head, *rest = text.split("|")
    name, colon, numbers = head.partition(":")
    kept = pushed(name)
    kind = KINDS.get(rest[0].strip() if rest else "")
    if not kept or not colon or kind is None:
        raise ValueError(text)
    rate = 1.0
    for more in rest[1:]:
        if more.startswith("@"):
            rate = _number(more[1:])
            if not 0 < rate <= 1:
                raise ValueError(text)
    found = [(_number(number), number.strip()[:1] in {"+", "-"}) for number in numbers.split(":")]
    for value, signed in found:
        yield Told(kept, kind, value, rate, signed and kind == "gauge")


def _number(text: str) -> float:
    value = float(text)
    if not isfinite(value) or abs(value) > 1e30 or "_" in text:
        raise ValueError(text)
    return value
