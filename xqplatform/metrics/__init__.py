"""Time series of hosts and instances: two doors, write and read. Times are seconds since 1970 by the platform's clock.

Counters become rates before they come here. What was not measured is not there: no zeros, no lines over gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from xqplatform.metrics.points import Band, BandPoint, Life, Point, Sample, Series

if TYPE_CHECKING:
    from xqplatform.metrics.reading import Look

__all__ = [
    "Band",
    "BandPoint",
    "Life",
    "Point",
    "Sample",
    "Series",
    "bands",
    "latest",
    "lives",
    "look",
    "names",
    "over",
    "series",
    "top",
    "write",
]


def write(samples: Sequence[Sample]) -> int:
    """Stores samples; the same subject and time twice is stored once, late ones are welcome. How many were new.

    Many samples at once cost little more than one. Raises OperationalError when the database is locked or full.
    """
    from xqplatform.metrics import writing

    return writing.write(samples)


def series(
    subjects: Sequence[str], metrics: Sequence[str], start: float, end: float, *, points: int = 400
) -> list[Series]:
    """One series for each subject and metric that was measured in the range, of at most about `points` points."""
    from xqplatform.metrics import reading

    return reading.series(subjects, metrics, start, end, points)


def look(
    subjects: Sequence[str], start: float, end: float, *, points: int = 400, metrics: Sequence[str] | None = None
) -> Look:
    """Reads once what is kept of these (or all) metrics; `.series(metrics)` then answers for any of them, `.names(subject)` which there are."""
    from xqplatform.metrics import reading

    return reading.Look(subjects, start, end, points, metrics)


def names(subject: str, start: float, end: float) -> list[str]:
    """Which metrics, with devices, a subject has in a range."""
    from xqplatform.metrics import reading

    return reading.names(subject, start, end)


def latest(subjects: Sequence[str] | None = None, *, within: float = 60) -> dict[str, tuple[float, dict[str, float]]]:
    """The newest sample (time, values) of these or all subjects, unless it is older than `within` seconds.

    With the newest of what the application itself tells (`app.NAME`), which comes in samples of its own.
    Of subjects that are named also what is sealed already; of all only what is not, which reaches back 3 minutes at least.
    """
    from xqplatform.metrics import newest

    return newest.latest(subjects, within)


def top(
    metric: str,
    start: float,
    end: float,
    *,
    kind: str = "instance",
    n: int = 20,
    by: Literal["avg", "max"] = "avg",
) -> list[tuple[str, float]]:
    """The subjects of a kind with the highest average or maximum of a metric (one without a device)."""
    from xqplatform.metrics import ranking

    return ranking.top(metric, start, end, kind=kind, n=n, by=by)


def over(subjects: Sequence[str], metric: str, start: float, end: float, points: int = 400) -> Band:
    """Many subjects together."""
    return bands(subjects, [metric], start, end, points)[metric]


def bands(
    subjects: Sequence[str], metrics: Sequence[str], start: float, end: float, points: int = 400
) -> dict[str, Band]:
    """Many subjects together, a band a metric: their rows are read once for all of them."""
    from xqplatform.metrics import reading

    return reading.bands(subjects, metrics, start, end, points)


def lives(subject: str, start: float, end: float) -> list[Life]:
    """Which containers stood in a subject's place in a range, oldest first."""
    from xqplatform.metrics import reading

    return reading.lives(subject, start, end)
