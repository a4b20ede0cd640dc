"""From what an endpoint says twice to what is stored: counters become rates, histograms and summaries rate, mean and quantiles. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from containers.told.exposition import Raw
from containers.told.names import Wanted

QUANTILES = (0.5, 0.95, 0.99)  # of histograms
HUGEST = 3e38  # of a stored value


def values(before: Mapping[Wanted, Raw], now: Mapping[Wanted, Raw], seconds: float) -> dict[str, float]:
    """What to store. What needs two readings and has one, or went back in between (a restart), is not there."""
    found: dict[str, float] = {}
    for one, raw in now.items():
        old = before.get(one)
        found.update((one.stored(part), value) for part, value in _of(old, raw, seconds))
    return {name: value for name, value in found.items() if isfinite(value) and abs(value) < HUGEST}


def _of(old: Raw | None, raw: Raw, seconds: float) -> Iterator[tuple[str, float]]:
    if raw.kind == "gauge":
        if raw.value is not None:
            yield "", raw.value
        return
    if raw.kind == "summary":
        for quantile, value in raw.quantiles.items():
            yield word(quantile), value
    if old is None or old.kind != raw.kind or seconds <= 0:
        return
    if raw.kind == "counter":
        more = risen(old.value, raw.value)
        if more is not None:
            yield "rate", more / seconds
        return
    count = risen(old.count, raw.count)
    if count is None:
        return
    yield "rate", count / seconds
    if count and old.sum is not None and raw.sum is not None:
        yield "mean", (raw.sum - old.sum) / count
    for wanted in QUANTILES if raw.kind == "histogram" else ():
        estimate = quantile_of(wanted, bucket_counts(old.buckets, raw.buckets))
        if estimate is not None:
            yield word(wanted), estimate


def word(quantile: float) -> str:
    """0.95 → «p95», 0.999 → «p99.9»."""
    return f"p{round(quantile * 100, 3):g}"


def risen(old: float | None, new: float | None) -> float | None:
    """How much a counter rose; None when it began anew."""
    return None if old is None or new is None or not new >= old else new - old


def bucket_counts(old: Mapping[float, float], new: Mapping[float, float]) -> list[tuple[float, float]]:
    """How often a value was at most each bound, since the last reading; by bound. Empty when they are not the same buckets."""
    if set(old) != set(new):
        return []
    counts = [(bound, new[bound] - old[bound]) for bound in sorted(new)]
    return [] if any(count < 0 for _bound, count in counts) else counts


def quantile_of(quantile: float, counts: list[tuple[float, float]]) -> float | None:
    """Where that share of the values lies, taken as even within a bucket; of the last, open bucket its lower bound."""
    if len(counts) < 2 or isfinite(counts[-1][0]) or counts[-1][1] <= 0:
        return None
    rank = quantile * counts[-1][1]
    lower, below = (0.0 if counts[0][0] > 0 else counts[0][0]), 0.0
    for bound, count in counts:
        if count >= rank and count > below:
            if not isfinite(bound):
                break
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = (bound, max(count, below)) if isfinite(bound) else (lower, below)
    return lower
