"""Columns to compressed bytes and back. Pure.

All numbers are 4 bytes wide. The highest bytes of all come first, then the second, …: signs and exponents, and whole columns
that stand still, shrink to almost nothing under zlib. (Differences to the neighbour were measured to be larger.)
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import sub
from typing import TypeVar

from xqplatform.metrics.cells import Cells, Column, Raw

C = TypeVar("C")

if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("The store of metrics needs a little-endian machine.")


def pack(columns: Sequence[array[int] | array[float]]) -> bytes:
    whole = b"".join([column.tobytes() for column in columns])
    return zlib.compress(b"".join([whole[3::4], whole[2::4], whole[1::4], whole[0::4]]), 6)


class Packed:
    """Unpacks columns of what `pack` made of `count` columns of one length."""

    def __init__(self, data: bytes, count: int) -> None:
        self._planes = zlib.decompress(data)
        self._plane = len(self._planes) // 4
        self.length = self._plane // count

    def _bytes(self, place: int, columns: int = 1) -> bytearray:
        """Neighbouring columns, one after the other. Together they cost little more than one."""
        size, at = columns * self.length, place * self.length
        found = bytearray(4 * size)
        for plane in range(4):
            begin = plane * self._plane + at
            found[3 - plane :: 4] = self._planes[begin : begin + size]
        return found

    def floats(self, place: int, columns: int = 1) -> array[float]:
        return array("f", self._bytes(place, columns))

    def whole(self, place: int, columns: int = 1) -> array[int]:
        return array("I", self._bytes(place, columns))

    def both(self, place: int, columns: int) -> tuple[array[int], array[float]]:
        """The same columns read as whole numbers and as floats."""
        found = self._bytes(place, columns)
        return array("I", found), array("f", found)


class Later(Mapping[str, C]):
    """Columns by their names, each unpacked when it is first asked for: a page draws its first chart before it needs the others."""

    def __init__(self, names: Sequence[str], unpack: Callable[[int], C]) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._unpack = unpack
        self._made: dict[str, C] = {}

    def __getitem__(self, name: str) -> C:
        if name not in self._made:
            self._made[name] = self._unpack(self._places[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _stretches(names: Sequence[str], wanted: Container[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Neighbours among the wanted names, each stretch with the place of its first."""
    held = [place for place, name in enumerate(names) if name in wanted]
    first = 0
    for at in range(1, len(held) + 1):
        if at == len(held) or held[at] != held[at - 1] + 1:
            yield held[first], names[held[first] : held[at - 1] + 1]
            first = at


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
    times = _from_differences(packed.whole(0), start * 100)
    if wanted is None:
        return Raw(times, Later(names, lambda place: packed.floats(1 + place)))
    n, columns = packed.length, dict[str, Sequence[float]]()
    for first, some in _stretches(names, wanted):
        floats = packed.floats(1 + first, len(some))
        columns.update((name, floats[at * n : (at + 1) * n]) for at, name in enumerate(some))
    return Raw(times, columns)


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
    times = _from_differences(packed.whole(0), start)
    if wanted is None:
        return Cells(times, Later(names, lambda place: next(_columns(packed, place, 1))))
    columns = dict[str, Column]()
    for first, some in _stretches(names, wanted):
        columns.update(zip(some, _columns(packed, first, len(some)), strict=True))
    return Cells(times, columns)


def _columns(packed: Packed, first: int, count: int) -> Iterator[Column]:
    """Neighbours, from the place of the first."""
    n = packed.length
    whole, floats = packed.both(1 + 4 * first, 4 * count)
    for at in range(0, 4 * n * count, 4 * n):
        low, high, end = at + 2 * n, at + 3 * n, at + 4 * n
        yield Column(whole[at : at + n], floats[at + n : low], floats[low:high], floats[high:end])
