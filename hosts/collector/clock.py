"""The platform's time of a collector's ticks: its machine's uptime plus an offset that is found from when lines arrive. Pure.

Nobody's wall clock but the platform's counts. A line never arrives before it was written, so the smallest difference of late
is the best. The offset is kept in the host's row and changes only when it is clearly wrong: what is read a second time (by
another worker, after a break) then gets the very same times, by which the store knows it again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from xqplatform.metrics.moments import COLLECTOR, own_moment

EARLY = 0.25  # seconds by which the offset may be too large before it is set anew
LATE = 1.5  # seconds by which every block of late may seem delayed before it is the clock that moved
WINDOW = 6  # blocks
HELD = 2000  # blocks that wait for a first offset


@dataclass
class Clock:
    """`boot`: of which start of the machine the offset is; empty: none is known."""

    boot: str = ""
    offset: float = 0.0
    _last: tuple[float, float] | None = None  # uptime and arrival of the block before
    _late: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def restart_stream(self) -> None:
        """A new connection: what comes first may be old."""
        self._last = None
        self._late.clear()

    def knows(self, boot: str) -> bool:
        return self.boot == boot

    def time(self, uptime: float) -> float:
        return own_moment(uptime + self.offset, COLLECTOR)

    def hear(self, boot: str, uptime: float, arrival: float) -> bool:
        """Learns from a block's arrival. True: the offset changed (or is new)."""
        before, self._last = self._last, (uptime, arrival)
        if before is None or uptime <= before[0] or arrival - before[1] < 0.5 * (uptime - before[0]):
            return False  # it may have waited in the log
        seen = arrival - uptime
        if boot != self.boot:
            self._late.clear()
            return self._set(boot, seen)
        self._late.append(seen)
        if seen < self.offset - EARLY:
            return self._set(boot, seen)
        if len(self._late) == WINDOW and min(self._late) > self.offset + LATE:
            return self._set(boot, min(self._late))
        return False

    def _set(self, boot: str, offset: float) -> bool:
        self.boot, self.offset = boot, round(offset, 2)
        self._late.clear()
        return True
