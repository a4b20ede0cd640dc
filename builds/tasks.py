"""Background work: a primary key in, one verb called."""

from __future__ import annotations

import logging

from celery import shared_task

from builds import queue, runner
from builds.models import Build, Image, Registry, Wave, WaveItem
from builds.services.registries import check_registry
from hosts.engine import EngineError, connect
from xqplatform.work import enqueue

log = logging.getLogger(__name__)


@shared_task(name="builds.tasks.run")
def run(pk: int) -> None:
    """Works on a build, if nobody else does; afterwards a slot may be free for those that wait for one."""
    if runner.run(pk):
        for wave in WaveItem.objects.filter(build=pk, wave__state__in=Wave.ACTIVE).values_list("wave", flat=True):
            enqueue(advance_wave, wave)
        queued = Build.objects.filter(state=Build.State.QUEUED, lease="").exclude(pk=pk)
        for build in queued.order_by("pk")[:5]:
            Build.objects.filter(pk=build.pk, lease="", state=Build.State.QUEUED).update(retry_at=None)
            enqueue(run, build.pk)


@shared_task(name="builds.tasks.resume", expires=30)
def resume() -> None:
    """Takes up again what waits, and what a process left that went away."""
    for build in queue.waiting():
        enqueue(run, build.pk)


@shared_task(name="builds.tasks.advance_wave")
def advance_wave(wave: int) -> None:
    """Has a wave build what can be built next."""
    from builds.services.waves import advance

    advance(wave)


@shared_task(name="builds.tasks.waves", expires=30)
def waves() -> int:
    """The same for every wave under way: whatever a dead process left is gone on with."""
    found = list(Wave.objects.filter(state__in=Wave.ACTIVE).values_list("pk", flat=True))
    for wave in found:
        advance_wave.delay(wave)
    return len(found)


@shared_task(name="builds.tasks.check_registries", expires=60)
def check_registries() -> None:
    """Asks every registry how it is."""
    for registry in Registry.objects.all():
        check_registry(registry)


@shared_task(name="builds.tasks.remove_from_host")
def remove_from_host(pk: int) -> None:
    """Removes a discarded image that lay on one host only. A host that is away keeps it; it does no harm there."""
    image = Image.objects.select_related("only_on").filter(pk=pk, state=Image.State.DISCARDED).first()
    if image is None or image.only_on is None:
        return
    try:
        connect(image.only_on).remove_image(f"{image.repository}:{image.tag}")
    except EngineError as error:
        log.info("The image %s stays on %s: %s", image, image.only_on, error)


@shared_task(name="builds.tasks.run_import")
def run_import(pk: int) -> None:
    """Works on an import, if nobody else does."""
    from builds.imports import work

    work.run(pk)


@shared_task(name="builds.tasks.resume_imports", expires=30)
def resume_imports() -> None:
    """Takes up again what waits, and what a process left that went away; forgets uploads that nobody goes on with."""
    from builds.imports import sweep

    for pk in sweep.due():
        enqueue(run_import, pk)
    sweep.tidy()


@shared_task(name="builds.tasks.take_delivery")
def take_delivery(pk: int) -> None:
    """One step of what a push begins."""
    from builds.forges import taking

    taking.go_on(pk)


@shared_task(name="builds.tasks.resume_deliveries", expires=30)
def resume_deliveries() -> None:
    """Takes up again what waits, and what a process left that went away."""
    from builds.forges import statuses, taking

    for pk in taking.due():
        enqueue(take_delivery, pk)
    for pk in statuses.due():
        enqueue(send_status, pk)


@shared_task(name="builds.tasks.send_status")
def send_status(pk: int) -> None:
    """One try to tell a forge of a commit's status."""
    from builds.forges import statuses

    statuses.send(pk)


@shared_task(name="builds.tasks.tidy_deliveries")
def tidy_deliveries() -> None:
    """Forgets old deliveries that began nothing, and old statuses."""
    from builds.forges import taking

    taking.tidy()
