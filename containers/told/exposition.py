"""The Prometheus text format, as far as it is wanted: what an endpoint says of a few names, added up over their labels. Pure.

Of a name's label sets counters, gauges and the counts and sums of histograms and summaries are added up; of a summary's quantiles the
highest counts. Lines of other names are passed over unread, so a long answer costs little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isnan

from containers.told.names import Wanted, labels_of

MOST_SERIES = 4000  # lines of wanted names that are read
KINDS = ("counter", "gauge", "histogram", "summary")
LINE = re.compile(r'\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s*(\S+)')
_PARTS = {"_bucket": "bucket", "_sum": "sum", "_count": "count", "_total": "value"}


@dataclass(slots=True)
class Raw:
    """What an endpoint said of one wanted name. Counters are as they stand there."""

    kind: str
    value: float | None = None
    sum: float | None = None
    count: float | None = None
    buckets: dict[float, float] = field(default_factory=dict)  # by their upper bound
    quantiles: dict[float, float] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """`cut`: there were more series than are read."""

    found: dict[Wanted, Raw] = field(default_factory=dict)
    cut: bool = False


def read(text: str, wanted: Iterable[Wanted]) -> Reading:
    """What the text says of the wanted names; lines that make no sense are passed over."""
    entries: dict[str, list[Wanted]] = {}
    for one in wanted:
        entries.setdefault(one.name, []).append(one)
    places = _places(entries)
    types: dict[str, str] = {}
    reading = Reading()
    taken = 0
    for line in text.split("\n"):
        if line.startswith("#"):
            words = line.split(None, 4)
            if len(words) >= 4 and words[1] == "TYPE":
                types[words[2]] = words[3].strip().lower()
            continue
        head = line.partition("{")[0].split(None, 1)
        if not head or head[0] not in places:
            continue
        taken += 1
        if taken > MOST_SERIES:
            reading.cut = True
            break
        match = LINE.match(line)
        labels = labels_of(match[2] or "") if match is not None else None
        value = _number(match[3]) if match is not None else None
        if labels is None or value is None:
            continue
        name, part = places[head[0]]
        kind = _kind(name, types, part)
        for one in entries[name]:
            if all(labels.get(label) == text for label, text in one.labels):
                raw = reading.found.get(one)
                if raw is None:
                    raw = reading.found[one] = Raw(kind)
                _take(raw, part, labels, value)
    return reading


def _places(entries: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Which lines belong to which wanted name, and as what; a name that is wanted itself is its own."""
    names = list(entries)
    places = {f"{name}{suffix}": (name, part) for name in names for suffix, part in _PARTS.items()}
    return places | {name: (name, "value") for name in names}


def _kind(name: str, types: dict[str, str], part: str) -> str:
    stated = types.get(name) or types.get(name.removesuffix("_total")) or ""
    if stated in KINDS:
        return stated
    for suffix, of in _PARTS.items():  # `http_seconds_count` wanted by itself
        of_whole = types.get(name.removesuffix(suffix)) if of != "value" and name.endswith(suffix) else None
        if of_whole in {"histogram", "summary"}:
            return "counter"
    if part == "bucket":
        return "histogram"
    if part in {"sum", "count"}:
        return "summary"
    return "counter" if name.endswith("_total") else "gauge"


def _number(text: str) -> float | None:
    if "_" in text:  # Python would take it
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _take(raw: Raw, part: str, labels: dict[str, str], value: float) -> None:
    if isnan(value):
        return
    if part == "bucket":
        bound = _number(labels.get("le", ""))
        if bound is not None:
            raw.kind = "histogram"
            raw.buckets[bound] = raw.buckets.get(bound, 0.0) + value
    elif part == "sum":
        raw.sum = (raw.sum or 0.0) + value
    elif part == "count":
        raw.count = (raw.count or 0.0) + value
    elif "quantile" in labels and raw.kind != "counter":
        quantile = _number(labels["quantile"])
        if quantile is not None and 0 <= quantile <= 1:
            raw.kind = "summary"
            raw.quantiles[quantile] = max(value, raw.quantiles.get(quantile, value))
    else:
        raw.value = (raw.value or 0.0) + value
