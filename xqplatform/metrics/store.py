"""In what shape the store itself is: what alerts and the page of the monitoring's health read."""

from __future__ import annotations

from dataclasses import dataclass

from xqplatform.metrics import numbers, writing
from xqplatform.metrics.models import Upkeep


@dataclass(frozen=True, slots=True)
class State:
    """`disk_low`: fine samples are not kept at the moment, coarse roll-ups are. Refused samples are counted since the start."""

    disk_low: bool
    low_since: float | None
    free_bytes: int
    kept_at: float  # the last round of sealing and deleting that came to its end; 0: none yet
    from_future: int
    from_past: int


def state() -> State:
    row = Upkeep.objects.filter(id=1).first() or Upkeep()
    return State(
        disk_low=row.low_since is not None,
        low_since=row.low_since,
        free_bytes=row.free_bytes,
        kept_at=row.kept_at,
        from_future=row.from_future,
        from_past=row.from_past,
    )


def forget() -> None:
    """Drops what this process remembers of rows."""
    numbers.forget()
    writing.forget()
