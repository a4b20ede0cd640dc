"""How old open reviews are."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from xqplatform.audit.reviews.models import Review
from xqplatform.audit.reviews.rules import AGES


def counted(rows: QuerySet[Review]) -> list[int]:
    """How many of these there are of each of AGES, in one query."""
    now, found, until = timezone.now(), {}, None
    for n, (days, _words) in enumerate(AGES):
        since = now - timedelta(days=days) if days is not None else None
        part = Q(time__gt=since) if since is not None else Q()
        part &= Q(time__lte=until) if until is not None else Q()
        found[f"n{n}"] = Count("pk", filter=part) if part else Count("pk")
        until = since
    counts = rows.order_by().aggregate(**found)
    return [counts[f"n{n}"] for n in range(len(AGES))]
