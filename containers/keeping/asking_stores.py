"""Asking stores of backups by the beat whether they take and give objects, so that one that is away is known before a backup fails."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from containers.keeping.models import BackupTarget
from containers.keeping.services.targets import problem_of

EVERY = timedelta(minutes=10)
AGAIN = timedelta(seconds=50)  # while something is wrong, with each tick of the beat


def _due(now: datetime) -> QuerySet[BackupTarget]:
    late = Q(checked=None) | Q(checked__lte=now - EVERY) | Q(checked__lte=now - AGAIN) & ~Q(problem="")
    return BackupTarget.objects.filter(late)


def due() -> list[int]:
    return list(_due(timezone.now()).values_list("pk", flat=True))


def ask(pk: int) -> None:
    """Whoever comes second finds that it was asked already. What it says is no event: nobody asked."""
    now = timezone.now()
    if not _due(now).filter(pk=pk).update(checked=now):
        return
    row = BackupTarget.objects.get(pk=pk)
    # Noted only if nobody changed or tried it meanwhile: they know better.
    BackupTarget.objects.filter(pk=pk, checked=now).update(problem=problem_of(row), checked=timezone.now())
