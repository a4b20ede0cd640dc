"""What workers do for hosts. Each task takes primary keys and calls one verb."""

from __future__ import annotations

from celery import shared_task

from hosts import disk, observe, watch
from hosts.models import Host
from hosts.services import addresses, certificates
from xqplatform import work


@shared_task(name="hosts.tasks.refresh", ignore_result=True)
def refresh(host_pk: int) -> None:
    """Reads one host; when it answers again its events are listened to at once."""
    if (
        observe.refresh_host(host_pk)
        and Host.objects.filter(pk=host_pk, state__in=watch.WATCHED, watcher_until=None).exists()
    ):
        work.enqueue(watch_all)
    if disk.is_due(host_pk):
        work.enqueue(measure_disk, host_pk)
    certificates.look_if_new(host_pk)


@shared_task(name="hosts.tasks.refresh_all", ignore_result=True)
def refresh_all() -> None:
    """One task a host, so that one that hangs delays no other."""
    for pk in Host.objects.exclude(state=Host.State.RETIRED).values_list("pk", flat=True):
        work.enqueue(refresh, pk)


@shared_task(name="hosts.tasks.measure_disk", ignore_result=True)
def measure_disk(host_pk: int) -> None:
    """The free space of its data root; then its state is judged again."""
    if disk.measure(host_pk):
        observe.refresh_host(host_pk)


@shared_task(name="hosts.tasks.watch_all", ignore_result=True)
def watch_all() -> None:
    """Starts what is missing of the event streams."""
    watch.WATCH.start()


@shared_task(name="hosts.tasks.end_quarantines", ignore_result=True)
def end_quarantines() -> None:
    addresses.end_quarantines()


@shared_task(name="hosts.tasks.look_at_certificates", ignore_result=True)
def look_at_certificates() -> None:
    """Which certificates are in use and when they end; warns once of each."""
    certificates.look_at_all()
