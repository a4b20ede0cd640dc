"""What forges told, and were told, is kept for a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from builds.models import ForgeDelivery, ForgeStatus

KEPT = timedelta(days=90)
FORGED = timedelta(days=7)  # what nobody signed: anybody who knows the address can send it
AT_ONCE = 1000


def tidy() -> None:
    """What is too old to be looked at goes. Pushes that were built stay as long as their builds, and with them what was
    deleted: by these an event is known that comes again.
    """
    now = timezone.now()
    over = ForgeDelivery.objects.exclude(state__in=ForgeDelivery.OPEN).filter(build=None)
    over = over.exclude(signed=True, kind=ForgeDelivery.Kind.DELETED)
    _remove(over.filter(Q(received__lt=now - KEPT) | Q(signed=False, received__lt=now - FORGED)))
    _remove(ForgeStatus.objects.exclude(state=ForgeStatus.State.WAITING).filter(created__lt=now - KEPT))


def _remove(rows: QuerySet[Any]) -> None:
    while found := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        rows.filter(pk__in=found).delete()
