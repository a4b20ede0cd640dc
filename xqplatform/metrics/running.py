"""Ranks of the running hour: its 5 minutes, the last of them again each minute, always as a whole in the place of what was there."""

from __future__ import annotations

import math
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Max

from xqplatform.metrics import hot, keys, numbers, ranking, ranks, summing
from xqplatform.metrics.levels import HOUR
from xqplatform.metrics.models import Rank, Subject, Upkeep
from xqplatform.metrics.ranking import SHORT

GRACE = 15.0  # seconds for what is on its way
AGAIN = 50.0  # seconds of samples that are ranked at once, so that every second round of housework does
LATE = 30.0  # seconds after which 5 minutes that have ended are ranked for the last time


def rank(now: float) -> Iterator[None]:
    """Ranks what was measured until shortly before `now`; stops after each piece.

    What comes later still is in the hour's ranks when it is sealed.
    """
    ranked, until = ranking.ranked_until(), math.floor((now - GRACE) / keys.TICK) * keys.TICK
    if until - ranked < AGAIN:
        return
    hour = math.floor(now / HOUR) * HOUR
    start = max(math.floor((ranked - LATE) / SHORT) * SHORT, hour - HOUR)
    while start < until:
        end = min(start + SHORT, until)
        for shard in range((Subject.objects.aggregate(last=Max("id"))["last"] or 0) // ranks.SHARD + 1):
            _rank_shard(start, end, shard)
            yield
        Upkeep.objects.filter(id=1).update(ranked_until=max(ranked, end))
        start += SHORT


def _rank_shard(start: int, end: int, shard: int) -> None:
    first = shard * ranks.SHARD
    rows = hot.of_subjects(first, first + ranks.SHARD - 1, start // keys.TICK, end // keys.TICK - 1)
    found = summing.entries(rows, numbers.columns({row[1] for row in rows}), first)
    found = {name: entries for name, entries in found.items() if ranking.is_ranked(name)}
    with transaction.atomic():
        if found:
            ranking.replace(SHORT, start, shard, found, until=end)
        if end % HOUR == 0:
            _rank_hour(end - HOUR, shard)


def _rank_hour(hour: int, shard: int) -> None:
    """The hour's own, of its 5 minutes, until it is sealed."""
    parts: dict[str, list[ranks.Entries]] = {}
    rows = Rank.objects.filter(span=SHORT, shard=shard, start__gte=hour, start__lt=hour + HOUR)
    for metric, data in rows.exclude(metric=ranking.UNTIL).values_list("metric", "data"):
        parts.setdefault(metric, []).append(ranks.unpack(bytes(data)))
    ranking.replace(HOUR, hour, shard, {metric: ranks.merge(held) for metric, held in parts.items()})
