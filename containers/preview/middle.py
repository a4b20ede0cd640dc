"""How much capacity is left in the middle of each batch. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

FULL = 90  # per cent of their CPU limit from which those left are too busy


@dataclass(frozen=True)
class Middle:
    """The moment in a batch in which the fewest serve. CPU in per cent of the limit of those that serve, if known."""

    number: int  # of the batch, from 1
    least: int  # healthy at least
    up: int  # healthy before it all begins
    share: int | None  # per cent of those before; None: there were none
    cpu_now: int | None = None
    cpu_then: int | None = None  # when the rest has all the work; None also when nobody is left

    @property
    def busy(self) -> bool:
        return self.cpu_then is not None and self.cpu_then >= FULL

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"busy": self.busy}


def middles(least: Sequence[int], up: int, cores: float | None = None, limit: float = 0) -> list[Middle]:
    """A row a batch. `cores`: what all `up` instances use together now; `limit`: the cores that one may use."""
    return [
        Middle(
            batch,
            left,
            up,
            round(100 * left / up) if up else None,
            _load(cores, up, limit),
            _load(cores, left, limit),
        )
        for batch, left in enumerate(least, start=1)
    ]


def _load(cores: float | None, instances: int, limit: float) -> int | None:
    if cores is None or instances <= 0 or limit <= 0:
        return None
    return round(100 * cores / (instances * limit))
