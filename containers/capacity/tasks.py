"""Work of the workers."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="capacity.tasks.roll_up", ignore_result=True, expires=60)
def roll_up() -> None:
    """Rolls up the days that are over, as far as a round goes."""
    from containers.capacity.rollup import run

    run()
