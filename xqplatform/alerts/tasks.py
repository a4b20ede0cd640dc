"""What workers do for alerts. Each task calls one verb."""

from __future__ import annotations

from celery import shared_task

from xqplatform import leases, work
from xqplatform.alerts.models import Channel


@shared_task(name="alerts.tasks.evaluate", ignore_result=True)
def evaluate() -> None:
    """Judges all rules over what is stored now."""
    from xqplatform.alerts.evaluate import run

    run()


@shared_task(name="alerts.tasks.deliver", ignore_result=True)
def deliver(channel: int) -> None:
    """Sends what is due over a channel."""
    from xqplatform.alerts.deliver import run

    run(channel)


@shared_task(name="alerts.tasks.resume", ignore_result=True)
def resume() -> int:
    """Enqueues every channel with something due that nobody carries out: a retry, or what a dead worker left."""
    from xqplatform.alerts.deliver import waiting

    found = [row.pk for row in Channel.objects.filter(pk__in=waiting().values("channel")) if not leases.is_held(row)]
    for pk in found:
        work.enqueue(deliver, pk)
    return len(found)


@shared_task(name="alerts.tasks.tidy", ignore_result=True)
def tidy() -> None:
    """Removes what is too old to be looked at."""
    from xqplatform.alerts.evaluate import tidy as run

    run()
