"""What stands on paper: numbers, sentences and tables, in words of the reader's language. `pdf.py` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | int


@dataclass(frozen=True)
class Tile:
    """A number at the top; `note` says what it consists of, `before` is the month before's, where that is known."""

    label: str
    value: Cell
    before: int | None = None
    note: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Line:
    """A sentence, and whether it is as it should be."""

    text: str
    good: bool


@dataclass(frozen=True)
class Section:
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]] = ()
    numbers: frozenset[int] = frozenset()  # columns of numbers: to the right
