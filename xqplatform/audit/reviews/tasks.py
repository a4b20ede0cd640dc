"""Work of the workers."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="reviews.tasks.feed", ignore_result=True, expires=30)
def feed() -> None:
    """Takes new events into the queue."""
    from xqplatform.audit.reviews.feeding import feed as run

    run()
