"""What a runtime that measures by itself tells: of its machine, and of all that runs there at once. `hosts.collector.protocol` has the units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hosts.collector.protocol import HostReading, Reading


@dataclass(frozen=True)
class Measured:
    """Counters at one moment; containers by what stays of them."""

    machine: HostReading = field(default_factory=HostReading)
    containers: Mapping[str, Reading] = field(default_factory=dict)


class Meter(Protocol):
    def read(self, at: float) -> Measured:
        """`at`: the moment that readings carry (seconds that only grow). Raises EngineError."""
