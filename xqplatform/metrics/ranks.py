"""Many subjects' count, sum and highest of one metric in one span, as bytes. Pure.

Subjects are in shards of neighbours, so that what changes of one subject touches one small row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import truediv

SHARD = 128
Entry = tuple[int, float, float]  # count, sum, highest
Entries = dict[int, Entry]  # by the subject's place in its shard


def pack(entries: Mapping[int, Entry]) -> bytes:
    places = sorted(entries)
    rows = [entries[place] for place in places]
    return b"".join(
        [
            array("d", [row[1] for row in rows]).tobytes(),
            array("f", [row[2] for row in rows]).tobytes(),
            array("I", [row[0] for row in rows]).tobytes(),
            bytes(places),
        ]
    )


def _columns(data: bytes) -> tuple[array[float], array[float], array[int], bytes]:
    n = len(data) // 17
    return (
        array("d", data[: 8 * n]),
        array("f", data[8 * n : 12 * n]),
        array("I", data[12 * n : 16 * n]),
        data[16 * n :],
    )


def unpack(data: bytes) -> Entries:
    totals, highs, counts, places = _columns(data)
    return dict(zip(places, zip(counts, totals, highs, strict=True), strict=True))


def merge(parts: Iterable[Mapping[int, Entry]]) -> Entries:
    """Spans together."""
    found: Entries = {}
    for part in parts:
        for place, (count, total, high) in part.items():
            known = found.get(place)
            found[place] = (
                (count, total, high) if known is None else (known[0] + count, known[1] + total, max(known[2], high))
            )
    return found


def values(rows: Sequence[bytes], by: str) -> dict[int, float]:
    """The average or highest of each place of one shard over its spans."""
    columns = [_columns(row) for row in rows]
    places = columns[0][3]
    if any(column[3] != places for column in columns):
        together = merge(unpack(row) for row in rows)
        return {place: high if by == "max" else total / count for place, (count, total, high) in together.items()}
    if by == "max":
        highs = [c[1] for c in columns]
        return dict(zip(places, map(max, *highs) if len(highs) > 1 else highs[0], strict=True))
    totals = map(sum, zip(*[c[0] for c in columns], strict=True))
    # Counts are added as one long number: no sum of 32 bits flows over into its neighbour.
    counted = sum(int.from_bytes(c[2].tobytes(), "little") for c in columns)
    counts = array("I", counted.to_bytes(4 * len(places), "little"))
    return dict(zip(places, map(truediv, totals, counts), strict=True))
