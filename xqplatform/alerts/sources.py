"""States that rules may be made of, by name: apps above register how they are read from their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """A subject of which the state holds, since when (epoch seconds; None: not known), and what to say of it.

    A source with a unit yields the value of every subject, and the rule's threshold decides.
    """

    subject: str
    since: float | None
    words: str = ""
    device: str = ""
    value: float = 1.0


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    title: Any
    kind: str  # of its subjects
    read: Callable[[float], Iterable[Found]]  # of now
    unit: str = ""
    # While an alert of it fires on a host, what stands there is not told of.
    inhibits: bool = False


SOURCES: dict[str, Source] = {}


def register(
    name: str,
    title: Any,
    kind: str,
    read: Callable[[float], Iterable[Found]],
    *,
    unit: str = "",
    inhibits: bool = False,
) -> None:
    SOURCES[name] = Source(name, title, kind, read, unit, inhibits)
