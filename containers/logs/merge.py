"""Lines of many instances in the order of their times, although they come late from some. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from containers.logs.text import Line


class Sorter:
    """Holds each line back for a moment, so that one that comes a little later may still go before it."""

    def __init__(self, hold: float) -> None:
        """`hold`: seconds; 0: lines go as they come."""
        self.hold = hold
        self._waiting: list[tuple[float, Line]] = []

    def add(self, lines: Iterable[Line], now: float) -> None:
        self._waiting += [(now, line) for line in lines]

    def take(self, now: float, *, all: bool = False) -> list[Line]:
        """What has waited long enough, and what is older than that, by time; lines of one moment as they came."""
        if not self.hold or all:
            found, self._waiting = [line for _at, line in self._waiting], []
            return sorted(found, key=_stamp) if self.hold else found
        aged = [line.stamp for at, line in self._waiting if at <= now - self.hold]
        if not aged:
            return []
        newest = max(aged)
        found = [line for _at, line in self._waiting if line.stamp <= newest]
        self._waiting = [entry for entry in self._waiting if entry[1].stamp > newest]
        return sorted(found, key=_stamp)

    def __len__(self) -> int:
        return len(self._waiting)


def _stamp(line: Line) -> str:
    return line.stamp
