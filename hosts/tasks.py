"""What workers do for hosts. Each task takes primary keys and calls one verb."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.db.models import Exists, OuterRef

from hosts import disk, observe, operation_runner, watch
from hosts.collector import placing, readers
from hosts.conformance import store
from hosts.lxd import kept_rows
from hosts.models import Host, HostOperation, SegmentNetwork
from hosts.services import addresses, certificates, networks
from xqplatform import leases, work


@shared_task(name="hosts.tasks.refresh", ignore_result=True)
def refresh(host_pk: int) -> None:
    """Reads one host; when it answers again its events are listened to at once."""
    if observe.refresh_host(host_pk):
        for host in Host.objects.filter(pk=host_pk).exclude(state=Host.State.RETIRED):
            networks.look(host)
        if Host.objects.filter(pk=host_pk, state__in=Host.ANSWERING, watcher_until=None).exists():
            work.enqueue(watch_all)
    if disk.is_due(host_pk):
        work.enqueue(measure_disk, host_pk)
    certificates.look_if_new(host_pk)


@shared_task(name="hosts.tasks.refresh_all", ignore_result=True)
def refresh_all() -> None:
    """One task a host, so that one that hangs delays no other."""
    # A machine that is being set up has no engine to be read yet.
    bare = HostOperation.objects.filter(host=OuterRef("pk"), kind="host.setup", state__in=HostOperation.ACTIVE)
    for pk in Host.objects.exclude(state=Host.State.RETIRED).exclude(Exists(bare)).values_list("pk", flat=True):
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


@shared_task(name="hosts.tasks.collect", ignore_result=True)
def collect() -> None:
    """Looks after collectors that are due, and starts to read those that nobody reads."""
    placing.ensure_rows()
    for pk in placing.due().values_list("host_id", flat=True):
        work.enqueue(place_collector, pk)
    readers.READERS.start()


@shared_task(name="hosts.tasks.place_collector", ignore_result=True)
def place_collector(host_pk: int) -> None:
    """Makes a host's collector as it shall be, and reads it at once."""
    if placing.look_after(host_pk):
        readers.READERS.start()


@shared_task(name="hosts.tasks.end_quarantines", ignore_result=True)
def end_quarantines() -> None:
    addresses.end_quarantines()


@shared_task(name="hosts.tasks.forget_instances", ignore_result=True)
def forget_instances() -> None:
    """What was kept of system containers that are gone."""
    kept_rows.tidy()


@shared_task(name="hosts.tasks.operate", ignore_result=True)
def operate(operation: int) -> None:
    """Carries an operation on until it ends, unless a living process does; then its host is read and judged again."""
    if operation_runner.execute(operation):
        row = HostOperation.objects.filter(pk=operation).first()
        if row is not None and row.exclusive:
            work.enqueue(refresh, row.host_id)
            work.enqueue(check_conformance, row.host_id)


@shared_task(name="hosts.tasks.resume_operations", ignore_result=True)
def resume_operations() -> int:
    """Enqueues every operation that nobody carries on: its message was lost, or its worker died."""
    rows = HostOperation.objects.filter(state__in=HostOperation.ACTIVE).only("pk", "lease", "lease_until")
    found = [row.pk for row in rows if not leases.is_held(row)]
    for pk in found:
        work.enqueue(operate, pk)
    return len(found)


@worker_ready.connect
def _take_over(**_: Any) -> None:
    """A worker that starts goes on at once with what a dead one left."""
    work.enqueue(resume_operations)
    work.enqueue(collect)


@worker_shutting_down.connect
def _let_go(**_: Any) -> None:
    operation_runner.LEAVING.set()


@shared_task(name="hosts.tasks.look_at_certificates", ignore_result=True)
def look_at_certificates() -> None:
    """Which certificates are in use and when they end; warns once of each."""
    certificates.look_at_all()


@shared_task(name="hosts.tasks.verify_network", ignore_result=True)
def verify_network(network_pk: int) -> None:
    """What was asked of a segment's network on a host; the next inventory makes up for a lost one."""
    row = SegmentNetwork.objects.select_related("segment", "host").filter(pk=network_pk).first()
    if row is not None:
        networks.verify(row)


@shared_task(name="hosts.tasks.check_conformance", ignore_result=True)
def check_conformance(host_pk: int) -> None:
    """Reads a host and judges it."""
    store.read_host(host_pk)


@shared_task(name="hosts.tasks.check_conformance_all", ignore_result=True)
def check_conformance_all() -> None:
    """One task a host whose last reading is old."""
    for pk in store.due().values_list("pk", flat=True):
        work.enqueue(check_conformance, pk)


@shared_task(name="hosts.tasks.judge_conformance", ignore_result=True)
def judge_conformance() -> None:
    """Judges what was read last anew, after a profile changed."""
    store.judge_again(Host.objects.exclude(state=Host.State.RETIRED).select_related("group"))
