"""Deleting what is older than its level is kept, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet

from xqplatform.metrics import ranking
from xqplatform.metrics.levels import DAY, HOUR, HOUR_LEVEL, MINUTE, SPANS
from xqplatform.metrics.models import Block, Life, Rank

BLOCKS, ROWS = 200, 2000  # a transaction


def delete_old(now: float, keep: Mapping[int, float]) -> Iterator[None]:
    """Deletes; stops after each piece."""
    for level, span in SPANS.items():
        yield from _portions(Block.objects.filter(level=level, start__lt=now - keep[level] - span), BLOCKS)
    for span, kept in ((ranking.SHORT, ranking.SHORT_KEPT), (HOUR, keep[MINUTE]), (DAY, keep[HOUR_LEVEL])):
        yield from _portions(Rank.objects.filter(span=span, start__lt=now - kept - span), ROWS)
    yield from _portions(Life.objects.filter(last__lt=now - keep[HOUR_LEVEL]), ROWS)


def _portions(rows: QuerySet[Any], size: int) -> Iterator[None]:
    while True:
        old = list(rows.order_by().values_list("pk", flat=True)[:size])
        if not old:
            return
        rows.model._default_manager.filter(pk__in=old).delete()
        yield
