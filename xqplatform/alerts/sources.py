"""States that rules may be made of, by name: apps above register how they are read from their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
class Was:
    """A time in which the state of a subject held, as rows still tell. `end` None: it still does."""

    subject: str
    start: float
    end: float | None
    device: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What is kept of a state's past. `read(subjects, start, end)`; `at_once`: subjects that one call can take within moments."""

    read: Callable[[Sequence[str], float, float], Iterable[Was]]
    at_once: int = 500


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    title: Any
    kind: str  # of its subjects
    read: Callable[[float], Iterable[Found]]  # of now
    unit: str = ""
    # While an alert of it fires on a host, what stands there is not told of.
    inhibits: bool = False
    history: History | None = None  # None: nobody kept when it held


SOURCES: dict[str, Source] = {}


def register(
    name: str,
    title: Any,
    kind: str,
    read: Callable[[float], Iterable[Found]],
    *,
    unit: str = "",
    inhibits: bool = False,
    history: History | None = None,
) -> None:
    SOURCES[name] = Source(name, title, kind, read, unit, inhibits, history)
