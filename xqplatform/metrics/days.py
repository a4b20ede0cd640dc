"""A day's hours become its coarse roll-ups, 10 minutes and hours, and its ranks."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction

from xqplatform.metrics import cells, numbers, packing, ranking, ranks, sealing
from xqplatform.metrics.cells import Cells
from xqplatform.metrics.levels import DAY, HOUR, HOUR_LEVEL, MINUTE, TEN_MINUTES
from xqplatform.metrics.models import Block, Due, Rank

GRACE = 1800.0  # seconds after a day's end: its last hour is sealed by then
PORTION = 16  # subjects at a time


def roll_up(now: float) -> Iterator[None]:
    """Rolls up what is due; stops after each piece."""
    for due in Due.objects.filter(day__lte=now - DAY - GRACE).order_by("day", "shard"):
        first = due.shard * ranks.SHARD
        for subject in range(first, first + ranks.SHARD, PORTION):
            _roll_up_subjects(due.day, subject, subject + PORTION - 1)
            yield
        with transaction.atomic():
            _rank(due.day, due.shard)
            due.delete()
        yield


def _roll_up_subjects(day: int, first: int, last: int) -> None:
    hours: dict[int, list[Cells]] = {}
    rows = Block.objects.filter(level=MINUTE, subject__range=(first, last), start__gte=day, start__lt=day + DAY)
    for row in rows.order_by("start"):
        names = numbers.columns([row.layout])[row.layout]
        hours.setdefault(row.subject, []).append(packing.unpack_cells(bytes(row.data), names, row.start))
    blocks = []
    for subject, parts in hours.items():
        fine = cells.rolled(parts, TEN_MINUTES)
        coarse = cells.rolled([fine], HOUR_LEVEL)
        blocks += [
            sealing.block(level, subject, day, *packing.pack_cells(made, day))
            for level, made in ((TEN_MINUTES, fine), (HOUR_LEVEL, coarse))
        ]
    with transaction.atomic():
        sealing.put(blocks)


def _rank(day: int, shard: int) -> None:
    """The day's ranks of a shard, from its hours."""
    hours: dict[str, list[ranks.Entries]] = {}
    rows = Rank.objects.filter(span=HOUR, start__gte=day, start__lt=day + DAY, shard=shard)
    for metric, data in rows.values_list("metric", "data"):
        hours.setdefault(metric, []).append(ranks.unpack(bytes(data)))
    ranking.replace(DAY, day, shard, {metric: ranks.merge(parts) for metric, parts in hours.items()})
