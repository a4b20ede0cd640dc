"""What workers do for elasticity."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="scaling.tasks.evaluate", ignore_result=True)
def evaluate() -> None:
    """Decides for all policies over what is stored now, and acts."""
    from containers.scaling.evaluate import run

    run()


@shared_task(name="scaling.tasks.tidy", ignore_result=True)
def tidy() -> None:
    """Removes decisions that are older than two years."""
    from containers.scaling.tidying import tidy as verb

    verb()
