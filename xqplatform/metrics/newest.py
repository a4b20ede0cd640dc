"""The newest sample of each subject. Of many subjects an hour's rows would be millions, so only those that count are read whole."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Collection, Iterable, Sequence

from django.conf import settings

from xqplatform.metrics import catalogue, hot, keys, numbers, sealed
from xqplatform.metrics.levels import HOUR

MANY = 60  # subjects from which on the latest of all are read and sorted out
LATELY = 15  # ticks, with those ahead of the clock, in which whoever is measured has a sample
JUST_NOW = 9  # ticks, with those ahead of the clock

Latest = dict[str, tuple[float, dict[str, float]]]


def latest(subjects: Sequence[str] | None, within: float) -> Latest:
    """See `xqplatform.metrics.latest`."""
    now = time.time()
    first, last = math.floor((now - within) / keys.TICK), math.floor((now + settings.METRICS_AHEAD) / keys.TICK)
    heads = _heads(subjects, first, last)
    layouts = numbers.columns({layout for _key, layout in heads})
    # What an application tells comes in samples of its own: they stand beside the newest of the system, not in its place.
    own = {layout for layout, names in layouts.items() if all(name.startswith(catalogue.APP) for name in names)}
    rows = hot.whole(newest(heads, own))
    found = numbers.subjects({keys.subject_of(row[0]) for row in rows})
    wanted = None if subjects is None else set(subjects)
    answer: Latest = {}
    # The system's first, what an application told after it, in the order of its times.
    for key, layout, data in sorted(rows, key=lambda row: row[1] in own):
        name, at = found.get(keys.subject_of(key), ""), keys.time_of(key)
        if name and at >= now - within and (wanted is None or name in wanted):
            values = _values(layouts[layout], data)
            if layout in own and name in answer:
                answer[name][1].update(values)
            else:
                answer[name] = (at, values)
    # Hot rows first, blocks second: what is sealed in between is found there. Nothing of the running hour is sealed.
    since = now - within
    if wanted is not None and since // HOUR < now // HOUR and (silent := wanted - answer.keys()):
        ids = numbers.ids(silent)
        in_blocks = sealed.newest(ids.values(), since)
        answer |= {name: in_blocks[number] for name, number in ids.items() if number in in_blocks}
    return answer


def newest(heads: Sequence[hot.Head], own: Collection[int]) -> list[int]:
    """The keys of each subject's newest sample, and of what its application told shortly before its last: what is not in
    the last sample may be in the one before. `heads` in the order of their keys. Pure."""
    shift, subjects = keys.SLOT_BITS, keys.SUBJECTS - 1  # no call a row: there are tens of thousands
    system = {key >> shift & subjects: key for key, layout in heads if layout not in own}
    if not own:
        return sorted(system.values())
    told = [key for key, layout in heads if layout in own]
    since = {keys.subject_of(key): (key >> keys.TICK_SHIFT) - LATELY for key in told}
    return sorted([*system.values(), *(k for k in told if k >> keys.TICK_SHIFT >= since[keys.subject_of(k)])])


def _values(names: Sequence[str], data: bytes) -> dict[str, float]:
    values = array("f", data)
    whole = sum(values)
    if whole - whole == 0:  # none of them is absent
        return dict(zip(names, values, strict=True))
    return {name: value for name, value in zip(names, values, strict=True) if value - value == 0}


def _heads(subjects: Sequence[str] | None, first: int, last: int) -> list[hot.Head]:
    """Keys and layouts of rows that hold the newest of each, in the order of their keys; only who said nothing lately is looked for further back."""
    if subjects is None:
        return hot.heads_of_all(first, last)
    ids = set(numbers.ids(subjects).values())
    if len(ids) <= MANY:
        return hot.heads_of_many(ids, first, last)
    # A host has no application that told something a while ago: its newest tick is enough.
    lately = max(first, last - (LATELY if any(s.startswith("instance:") for s in subjects) else JUST_NOW))
    heads = _of(ids, hot.heads_of_all(lately, last))
    silent = ids - {keys.subject_of(key) for key, _layout in heads}
    return hot.heads_of_many(silent, first, lately - 1) + heads


def _of(ids: Collection[int], heads: Iterable[hot.Head]) -> list[hot.Head]:
    return [head for head in heads if keys.subject_of(head[0]) in ids]
