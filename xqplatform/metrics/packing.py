"""Columns to compressed bytes and back. Pure.

All numbers are 4 bytes wide. The highest bytes of all come first, then the second, …: signs and exponents, and whole columns
that stand still, shrink to almost nothing under zlib. (Differences to the neighbour were measured to be larger.)
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Container, Sequence
from itertools import accumulate
from operator import sub

from xqplatform.metrics.cells import Cells, Column, Raw

if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("The store of metrics needs a little-endian machine.")


def pack(columns: Sequence[array[int] | array[float]]) -> bytes:
    whole = b"".join([column.tobytes() for column in columns])
    return zlib.compress(b"".join([whole[3::4], whole[2::4], whole[1::4], whole[0::4]]), 6)


class Packed:
    """Unpacks single columns of what `pack` made of `count` columns of one length."""

    def __init__(self, data: bytes, count: int) -> None:
        self._planes = zlib.decompress(data)
        self._plane = len(self._planes) // 4
        self.length = self._plane // count

    def _bytes(self, place: int) -> bytes:
        column, at = bytearray(4 * self.length), place * self.length
        for plane in range(4):
            begin = plane * self._plane + at
            column[3 - plane :: 4] = self._planes[begin : begin + self.length]
        return bytes(column)

    def floats(self, place: int) -> array[float]:
        return array("f", self._bytes(place))

    def whole(self, place: int) -> array[int]:
        return array("I", self._bytes(place))


def _differences(values: Sequence[int], start: int) -> array[int]:
    """Rising numbers as steps from one to the next, the first from `start`."""
    return array("I", map(sub, values, [start, *values[:-1]]))


def _from_differences(steps: Sequence[int], start: int) -> list[int]:
    return list(accumulate(steps, initial=start))[1:]


def pack_raw(raw: Raw, start: int) -> tuple[tuple[str, ...], bytes]:
    """The names in their order, and the data of samples from `start` on."""
    names = tuple(sorted(raw.columns))
    times = _differences(raw.times, start * 100)
    return names, pack([times, *(_floats(raw.columns[name]) for name in names)])


def _floats(values: Sequence[float]) -> array[float]:
    return values if isinstance(values, array) else array("f", values)


def unpack_raw(data: bytes, names: Sequence[str], start: int, wanted: Container[str] | None = None) -> Raw:
    packed = Packed(data, 1 + len(names))
    places = [(place, name) for place, name in enumerate(names, 1) if wanted is None or name in wanted]
    times = _from_differences(packed.whole(0), start * 100)
    return Raw(times, {name: packed.floats(place) for place, name in places})


def pack_cells(cells: Cells, start: int) -> tuple[tuple[str, ...], bytes]:
    names = tuple(sorted(cells.columns))
    columns: list[array[int] | array[float]] = [_differences(cells.times, start)]
    for name in names:
        column = cells.columns[name]
        counts = column.counts if isinstance(column.counts, array) else array("I", column.counts)
        columns += [counts, _floats(column.means), _floats(column.lows), _floats(column.highs)]
    return names, pack(columns)


def unpack_cells(data: bytes, names: Sequence[str], start: int, wanted: Container[str] | None = None) -> Cells:
    packed = Packed(data, 1 + 4 * len(names))
    columns = {
        name: Column(packed.whole(at), packed.floats(at + 1), packed.floats(at + 2), packed.floats(at + 3))
        for at, name in zip(range(1, 1 + 4 * len(names), 4), names, strict=True)
        if wanted is None or name in wanted
    }
    return Cells(_from_differences(packed.whole(0), start), columns)
