"""What apps above do when an instance is removed for good, so that this one needs not know them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from containers.models import Instance

# Each is called in the transaction that removes it.
GONE: list[Callable[[Instance], None]] = []
# What would be lost if these instances were removed, as sentences; for the pages that ask for the name.
LOSSES: list[Callable[[list[Instance]], list[str]]] = []


def losses(instances: Iterable[Instance]) -> list[str]:
    rows = list(instances)
    return [words for one in LOSSES for words in one(rows)]
