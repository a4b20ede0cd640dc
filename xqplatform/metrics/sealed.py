"""The newest sample of who has no hot row any more: out of the last block."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence

from xqplatform.metrics import catalogue, cells, numbers, packing
from xqplatform.metrics.cells import Cells, Raw
from xqplatform.metrics.levels import FINE, HOUR, MINUTE
from xqplatform.metrics.models import Block

PORTION = 200
LATELY = 150.0  # seconds before an application's last sample, in which it may have told the rest
Sample = tuple[float, dict[str, float]]


def newest(subjects: Collection[int], since: float) -> dict[int, Sample]:
    """The newest samples from `since` on; where only minutes are kept, the last minute's means at its beginning."""
    found: dict[int, Sample] = {}
    last = _last_blocks(sorted(subjects), since)
    for part in (last[i : i + PORTION] for i in range(0, len(last), PORTION)):
        for row in Block.objects.filter(id__in=part):
            names = numbers.columns([row.layout])[row.layout]
            data = bytes(row.data)
            if row.level == FINE:
                raw = packing.unpack_raw(data, names, row.start)
            else:
                raw = _means(packing.unpack_cells(data, names, row.start))
            sample = last_of(raw.part(since, row.start + HOUR))
            if sample is not None:
                found[row.subject] = sample
    return found


def _last_blocks(subjects: Sequence[int], since: float) -> list[int]:
    """The number of each subject's newest block that may have such a sample, with samples rather than minutes."""
    best: dict[int, tuple[int, int, int]] = {}
    for part in (subjects[i : i + PORTION] for i in range(0, len(subjects), PORTION)):
        rows = Block.objects.filter(level__in=(FINE, MINUTE), subject__in=part, start__gt=since - HOUR)
        for pk, subject, level, start in rows.values_list("id", "subject", "level", "start"):
            best[subject] = max(best.get(subject, (0, 0, 0)), (start, -level, pk))
    return [pk for _start, _level, pk in best.values()]


def _means(held: Cells) -> Raw:
    columns = {
        name: array("f", [m if n else cells.ABSENT for n, m in zip(column.counts, column.means, strict=True)])
        for name, column in held.columns.items()
    }
    return Raw([100 * at for at in held.times], dict(columns))


def last_of(raw: Raw) -> Sample | None:
    """The last sample, with what the application told lately: that comes in samples of its own. Pure."""
    own = [name for name in raw.columns if name.startswith(catalogue.APP)]
    system = _last(raw, [name for name in raw.columns if name not in own])
    told = {name: last for name in own if (last := _last(raw, [name]))}
    newest_told = max((at for at, _values in told.values()), default=0.0)
    values = {name: one[name] for name, (at, one) in told.items() if at >= newest_told - LATELY}
    if system is None:
        return (newest_told, values) if values else None
    return system[0], {**system[1], **values}


def _last(raw: Raw, names: Sequence[str]) -> Sample | None:
    """The last moment at which any of these was measured, and what it was."""
    columns = [(name, raw.columns[name]) for name in names]
    for i in range(len(raw.times) - 1, -1, -1):
        values = {name: column[i] for name, column in columns if column[i] - column[i] == 0}
        if values:
            return raw.times[i] / 100, values
    return None
