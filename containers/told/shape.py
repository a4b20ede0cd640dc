"""Rows of one shape, whichever of its names an application happens to tell in a tick. Pure.

The store numbers each set of names for ever. Of 40 names that are told now and then, each tick has another set: so what was told lately
and is not told now stands there as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xqplatform.metrics.cells import ABSENT

LATELY = 360  # samples


@dataclass(slots=True)
class Shape:
    """Of one application and writer."""

    ages: dict[str, int] = field(default_factory=dict)  # samples since a name was told

    def row(self, values: Mapping[str, float]) -> dict[str, float]:
        """The values, and as absent what was told lately."""
        self.ages = {name: age + 1 for name, age in self.ages.items() if age < LATELY} | dict.fromkeys(values, 0)
        return {name: values.get(name, ABSENT) for name in sorted(self.ages)}
