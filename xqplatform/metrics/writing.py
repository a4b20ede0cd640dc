"""Taking samples in: one statement for hundreds of them, a few microseconds each."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from xqplatform.metrics import keys, numbers
from xqplatform.metrics.models import Upkeep
from xqplatform.metrics.points import Sample

ROWS = 500  # a statement
LIFE_EVERY = 300.0  # seconds after which a container's last sight is written anew

Packer = tuple[int, Callable[[Mapping[str, float]], Any]]
_packers: dict[tuple[str, ...], Packer] = {}
_lives: dict[tuple[int, str], float] = {}


def forget() -> None:
    _packers.clear()
    _lives.clear()


def write(samples: Sequence[Sample]) -> int:
    """See `xqplatform.metrics.write`."""
    if not samples:
        return 0
    now = time.time()
    lowest, highest = now - settings.METRICS_LATE, now + settings.METRICS_AHEAD
    taken = [s for s in samples if lowest <= s.time <= highest and s.values]
    with transaction.atomic():
        if len(taken) < len(samples):
            _count_refused(samples, lowest, highest)
        ids = numbers.ids({s.subject for s in taken}, make=True)
        # Known to all only when this has committed, but to all samples of this call at once.
        packers = dict(_packers)
        rows = sorted(_row(ids[s.subject], s, packers) for s in taken)
        _see_lives(taken, ids)
        return sum(_insert(rows[i : i + ROWS]) for i in range(0, len(rows), ROWS))


def _row(subject: int, sample: Sample, packers: dict[tuple[str, ...], Packer]) -> tuple[int, int, bytes]:
    order = tuple(sample.values)
    packer = packers.get(order)
    if packer is None:
        packer = packers[order] = _packer(order)
    return keys.key(subject, sample.time), packer[0], array("f", packer[1](sample.values)).tobytes()


def _packer(order: tuple[str, ...]) -> Packer:
    """The layout's number, and what picks the values in the layout's order (sorted names)."""
    wanted = sorted(order)
    number = numbers.layout(wanted)
    pick: Callable[[Mapping[str, float]], Any] = itemgetter(*wanted)
    if len(wanted) == 1:
        only = wanted[0]
        pick = lambda values: (values[only],)  # noqa: E731
    packer = (number, pick)
    transaction.on_commit(lambda: _packers.__setitem__(order, packer))
    return packer


def _insert(rows: list[tuple[int, int, bytes]]) -> int:
    places = ",".join(["(%s,%s,%s)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO metrics_hot (id, layout, data) VALUES {places} ON CONFLICT (id) DO NOTHING",  # noqa: S608
            [value for row in rows for value in row],
        )
        return int(cursor.rowcount)


def _see_lives(samples: Sequence[Sample], ids: dict[str, int]) -> None:
    """Notes which container stands where: at once when it is new, then every few minutes."""
    seen: dict[tuple[int, str], tuple[float, float]] = {}
    for sample in samples:
        if not sample.life:
            continue
        which = (ids[sample.subject], sample.life)
        if _lives.get(which, 0.0) + LIFE_EVERY > sample.time:
            continue
        first, last = seen.get(which, (sample.time, sample.time))
        seen[which] = (min(first, sample.time), max(last, sample.time))
    if not seen:
        return
    life = connection.ops.quote_name("life")
    least, most = ("MIN", "MAX") if connection.vendor == "sqlite" else ("LEAST", "GREATEST")
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO metrics_life (subject, {life}, first, last) VALUES (%s,%s,%s,%s) "  # noqa: S608
            f"ON CONFLICT (subject, {life}) DO UPDATE SET first = {least}(metrics_life.first, excluded.first), "
            f"last = {most}(metrics_life.last, excluded.last)",
            [(subject, name[:64], first, last) for (subject, name), (first, last) in sorted(seen.items())],
        )
    transaction.on_commit(lambda: _lives.update({which: last for which, (_first, last) in seen.items()}))


def _count_refused(samples: Sequence[Sample], lowest: float, highest: float) -> None:
    future = sum(s.time > highest for s in samples)
    past = sum(s.time < lowest for s in samples)
    if future or past:
        Upkeep.objects.get_or_create(id=1)
        Upkeep.objects.filter(id=1).update(from_future=F("from_future") + future, from_past=F("from_past") + past)
