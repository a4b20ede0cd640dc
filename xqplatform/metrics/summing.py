"""Many subjects' samples of some minutes become one entry a subject and metric, as columns over all of them. Pure."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from xqplatform.metrics import keys, ranks

Member = tuple[int, list[bytes]]  # place in the shard, the data of its samples


def entries(
    rows: Sequence[tuple[int, int, bytes]], layouts: Mapping[int, Sequence[str]], first: int
) -> dict[str, ranks.Entries]:
    """Hot rows (number, layout, data) of a shard whose lowest subject is `first`, by metric."""
    found: dict[str, ranks.Entries] = {}
    for (layout, count), members in _alike(rows, first).items():
        names = layouts[layout]
        for name, held in zip(names, _of_members(count, len(names), members), strict=True):
            if held:
                found[name] = ranks.merge([found[name], held]) if name in found else held
    return found


def _alike(rows: Sequence[tuple[int, int, bytes]], first: int) -> dict[tuple[int, int], list[Member]]:
    """Who has equally many samples of one layout."""
    of_each: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    shift, subjects = keys.SLOT_BITS, keys.SUBJECTS - 1  # no call a row: there are hundreds of thousands
    for key, layout, data in rows:
        of_each[layout, key >> shift & subjects].append(data)
    found: dict[tuple[int, int], list[Member]] = defaultdict(list)
    for (layout, subject), held in of_each.items():
        found[layout, len(held)].append((subject - first, held))
    return found


def _of_members(count: int, width: int, members: Sequence[Member]) -> Iterator[ranks.Entries]:
    """One metric after the other, of `width`. Each moment's samples of all members are one long row of numbers."""
    moments = [array("f", b"".join([held[at] for _place, held in members])) for at in range(count)]
    places = [place for place, _held in members]
    totals: Any = list(map(sum, zip(*moments, strict=True)))
    highs: Any = list(map(max, *moments)) if count > 1 else moments[0]
    for at in range(width):
        column = totals[at::width]
        whole = sum(column)
        if whole - whole == 0:  # none of them is absent
            yield dict(zip(places, zip(repeat(count), column, highs[at::width]), strict=False))
        else:
            yield _without_absent(places, [moment[at::width] for moment in moments])


def _without_absent(places: Sequence[int], moments: Sequence[Sequence[float]]) -> ranks.Entries:
    found: ranks.Entries = {}
    for place, values in zip(places, zip(*moments, strict=True), strict=True):
        seen = [value for value in values if value - value == 0]
        if seen:
            found[place] = (len(seen), sum(seen), max(seen))
    return found
