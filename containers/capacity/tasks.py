"""Work of the workers."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone


@shared_task(name="capacity.tasks.roll_up", ignore_result=True, expires=60)
def roll_up() -> None:
    """Rolls up the days that are over, as far as a round goes; tells of the month that is over."""
    from containers.capacity import monthly, rollup

    if rollup.run():
        monthly.run(timezone.now())
