"""An hour that has ended becomes compressed blocks: samples, minutes, and the hour's ranks. A shard of subjects at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F

from xqplatform.metrics import cells, hot, keys, numbers, packing, ranking, ranks
from xqplatform.metrics.cells import Raw, Sum
from xqplatform.metrics.levels import DAY, FINE, HOUR, MINUTE
from xqplatform.metrics.models import Block, Due, Upkeep

log = logging.getLogger(__name__)
GRACE = 180.0  # seconds after an hour's end for what comes a little late; later samples make the hour's blocks anew


class Moved(Exception):
    """Rows came or went while a piece was computed: it is computed anew."""


@dataclass
class Sealed:
    """What one shard's hour becomes."""

    blocks: list[Block] = field(default_factory=list)
    totals: dict[str, dict[int, Sum]] = field(default_factory=dict)  # by metric and place in the shard
    refused: int = 0  # samples of an hour whose samples are not kept any more


def seal(now: float, *, fine: bool) -> Iterator[None]:
    """Seals what is due, the oldest first; stops after each piece. `fine`: samples are kept, not only minutes."""
    misses = 0
    while (oldest := hot.oldest()) is not None:
        hour = keys.hundredths(oldest) // (100 * HOUR) * HOUR
        if hour + HOUR + GRACE > now:
            return
        try:
            seal_piece(hour, keys.subject_of(oldest) // ranks.SHARD, fine=fine)
        except Moved:
            misses += 1
            if misses > 3:
                log.warning("Hour %s is written to without a break, it is sealed later.", hour)
                return
        yield


def seal_piece(hour: int, shard: int, *, fine: bool) -> None:
    first, last = shard * ranks.SHARD, (shard + 1) * ranks.SHARD - 1
    ticks = hour // keys.TICK, (hour + HOUR) // keys.TICK - 1
    rows = hot.of_subjects(first, last, *ticks)
    sealed = _computed(hour, shard, hot.by_subject(rows), fine=fine)
    with transaction.atomic():
        if hot.take(first, last, *ticks) != len(rows):
            raise Moved
        put(sealed.blocks)
        ranking.put(HOUR, hour, shard, sealed.totals)
        if sealed.blocks:
            Due.objects.bulk_create([Due(day=hour // DAY * DAY, shard=shard)], ignore_conflicts=True)
        if sealed.refused:
            Upkeep.objects.filter(id=1).update(from_past=F("from_past") + sealed.refused)


def _computed(hour: int, shard: int, rows: Mapping[int, list[hot.Row]], *, fine: bool) -> Sealed:
    sealed = Sealed()
    layouts = numbers.columns({row[1] for of_one in rows.values() for row in of_one})
    known = _known(hour, list(rows))
    for subject, of_one in rows.items():
        raw = cells.raw_of(of_one, layouts)
        if subject in known:
            before = known[subject]
            if before is None:
                sealed.refused += len(of_one)
                continue
            raw = cells.merged(before, raw)
        minutes = cells.rolled([raw], MINUTE)
        if fine or known.get(subject) is not None:
            sealed.blocks.append(block(FINE, subject, hour, *packing.pack_raw(raw, hour)))
        sealed.blocks.append(block(MINUTE, subject, hour, *packing.pack_cells(minutes, hour)))
        for name, held in cells.totals(minutes).items():
            if ranking.is_ranked(name):
                sealed.totals.setdefault(name, {})[subject - shard * ranks.SHARD] = held
    return sealed


def _known(hour: int, subjects: list[int]) -> dict[int, Raw | None]:
    """The samples that were sealed before; None where only their minutes are kept, which take no sample in any more."""
    rows = Block.objects.filter(level__in=(FINE, MINUTE), subject__in=subjects, start=hour).defer("data")
    known: dict[int, Raw | None] = {row.subject: None for row in rows}
    for row in Block.objects.filter(level=FINE, subject__in=list(known), start=hour):
        known[row.subject] = packing.unpack_raw(bytes(row.data), numbers.columns([row.layout])[row.layout], hour)
    return known


def block(level: int, subject: int, start: int, names: tuple[str, ...], data: bytes) -> Block:
    return Block(level=level, subject=subject, start=start, layout=numbers.layout(names), data=data)


def put(blocks: list[Block]) -> None:
    """Writes blocks in the place of what was there."""
    Block.objects.bulk_create(
        blocks, update_conflicts=True, unique_fields=["level", "subject", "start"], update_fields=["layout", "data"]
    )
