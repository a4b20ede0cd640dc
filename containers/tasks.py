"""Work of the workers: a primary key in, one verb called."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.utils import timezone

from containers import leases
from containers.models import Deployment, Drain


@shared_task(name="containers.tasks.advance")
def advance(deployment: int) -> None:
    """Carries a deployment on until it ends or rests; returns at once while another living process does it."""
    from containers.runner import advance as run

    run(deployment)


@shared_task(name="containers.tasks.resume")
def resume() -> int:
    """Enqueues every active deployment that nobody advances: its message was lost, or its worker died."""
    now = timezone.now()
    found = 0
    rows = Deployment.objects.filter(state__in=Deployment.ACTIVE)
    for row in rows.only("pk", "state", "asked", "lease", "lease_until", "batch_pause_until"):
        if leases.is_held(row):
            continue
        if not row.asked and not row.lease:
            if row.state == Deployment.State.PAUSED:
                continue  # it rests until somebody asks for something
            if row.batch_pause_until is not None and row.batch_pause_until > now:
                continue
        advance.delay(row.pk)
        found += 1
    return found


@shared_task(name="containers.tasks.drain")
def drain(pk: int) -> None:
    """Looks what a drain can do next."""
    from containers.services.drains import advance as run

    run(pk)


@shared_task(name="containers.tasks.drains")
def drains() -> int:
    """The same for every drain that is active: whatever a dead process left is gone on with."""
    found = list(Drain.objects.filter(state=Drain.State.ACTIVE).values_list("pk", flat=True))
    for pk in found:
        drain.delay(pk)
    return len(found)


@worker_ready.connect
def _take_over(**_: Any) -> None:
    """A worker that starts goes on at once with what a dead one left."""
    resume.delay()


@worker_shutting_down.connect
def _let_go(**_: Any) -> None:
    from containers.runner import LEAVING

    LEAVING.set()


@shared_task(name="containers.tasks.converge_all")
def converge_all() -> int:
    """Compares what is stored with what the hosts' inventories have seen, for all instances."""
    from containers.converge import converge_all as run

    return run()


@shared_task(name="containers.tasks.converge")
def converge(*instances: int) -> int:
    """The same for some instances."""
    from containers.converge import converge as run

    return run(instances)
