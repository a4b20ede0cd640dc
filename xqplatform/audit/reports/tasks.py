"""Work of the workers."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="reports.tasks.make", ignore_result=True)
def make(report: int) -> None:
    """Counts a month."""
    from xqplatform.audit.reports.services import make as run

    run(report)


@shared_task(name="reports.tasks.resume", ignore_result=True, expires=60)
def resume() -> None:
    """Goes on with what nobody makes, and asks for the month that is over."""
    from xqplatform.audit.reports.services import due

    for pk in due():
        make.delay(pk)
