"""Several write of one subject: what the host measures, what is read of the application, what it pushes.

The store keeps one sample a subject and moment, so each writer has moments of its own: every 1/25 s one.
"""

from __future__ import annotations

from typing import Final

COLLECTOR: Final = 0
SCRAPER: Final = 1
STATSD: Final = 2
GRID = 4  # hundredths of a second


def own_moment(time: float, writer: int) -> float:
    """The nearest moment of that writer."""
    return (round((time * 100 - writer) / GRID) * GRID + writer) / 100
