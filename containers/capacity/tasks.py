"""Work of the workers."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone


@shared_task(name="capacity.tasks.roll_up", ignore_result=True, expires=60)
def roll_up() -> None:
    """Rolls up the days that are over, as far as a round goes; makes what is read of all of them, and tells of the month that is over."""
    from containers.capacity import monthly, rollup, runways, sized

    if rollup.run():
        runways.refresh()
        monthly.run(timezone.now())
        sized.refresh()


@shared_task(name="capacity.tasks.score_weeks", ignore_result=True, expires=300)
def score_weeks() -> None:
    """Counts the weeks of the scorecard that are due."""
    from containers.capacity.score_weeks import count

    count()


@shared_task(name="capacity.tasks.health_days", ignore_result=True, expires=300)
def health_days() -> None:
    """Rolls up the health of places, as far as a round goes."""
    from containers.capacity.health_days import run

    run()


@shared_task(name="capacity.tasks.count_costs", ignore_result=True, expires=300)
def count_costs() -> None:
    """Counts what months cost of which days or prices came or went."""
    from containers.capacity.bills import count

    count()


@shared_task(name="capacity.tasks.propose_moves", ignore_result=True, expires=300)
def propose_moves() -> None:
    """Keeps what should move now, for the page of rebalancing."""
    from containers.capacity.kept_moves import refresh

    refresh()
