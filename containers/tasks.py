"""Work of the workers: a primary key in, one verb called."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.utils import timezone

from containers import leases
from containers.models import Deployment, Drain, GateRun
from containers.preview.tasks import look_ahead, tidy_contents
from containers.terminal.tasks import run_command, sweep_terminals, tidy_recordings

__all__ = ["look_ahead", "run_command", "sweep_terminals", "tidy_contents", "tidy_recordings"]


@shared_task(name="containers.tasks.advance")
def advance(deployment: int) -> None:
    """Carries a deployment on until it ends or rests; returns at once while another living process does it."""
    from containers.advancing.runner import advance as run

    run(deployment)


@shared_task(name="containers.tasks.resume")
def resume() -> int:
    """Enqueues every active deployment that nobody advances: its message was lost, or its worker died."""
    now = timezone.now()
    found = 0
    rows = Deployment.objects.filter(state__in=Deployment.ACTIVE)
    for row in rows.only(*RESTING):
        if leases.is_held(row):
            continue
        if not row.asked and not row.lease:
            if row.state == Deployment.State.PAUSED:
                continue  # it rests until somebody asks for something
            if row.batch_pause_until is not None and row.batch_pause_until > now:
                continue
            if _held(row, now):
                continue
        advance.delay(row.pk)
        found += 1
    return found


RESTING = ("pk", "state", "asked", "lease", "lease_until", "batch_pause_until", "hold", "hold_until", "hold_batch")


def _held(row: Deployment, now: datetime) -> bool:
    """Whether nothing but a click, or its time, lets it go on: gates and freezes are asked again and again."""
    hold = Deployment.Hold
    looks = row.hold in {hold.MEASURING, hold.FREEZE, hold.APPROVAL, hold.GATE}
    if not row.hold or looks or _measures(row):
        return False
    return row.hold_until is None or row.hold_until > now


def _measures(row: Deployment) -> bool:
    """Whether a gate measures while something else holds it, so that time counts as watched."""
    if row.hold not in {Deployment.Hold.CANARY, Deployment.Hold.KEEP}:
        return False
    return GateRun.objects.filter(deployment=row.pk, batch=row.hold_batch, state=GateRun.State.MEASURING).exists()


@shared_task(name="containers.tasks.tidy_moved_volumes", ignore_result=True)
def tidy_moved_volumes() -> int:
    """Volumes that moves left on hosts: put aside, and removed when their time is over."""
    from containers.left_behind import tidy

    return tidy()


@shared_task(name="containers.tasks.begin_waiting")
def begin_waiting(place: int) -> None:
    """Begins the first of a place's waiting releases, if it may."""
    from containers.services.beginning import begin

    begin(place)


@shared_task(name="containers.tasks.begin_due")
def begin_due() -> int:
    """The same for every place in which one is due."""
    from containers.services.beginning import due

    found = due()
    for place in found:
        begin_waiting.delay(place)
    return len(found)


@shared_task(name="containers.tasks.advance_train")
def advance_train(train: int) -> None:
    """Has a train do what it can do next."""
    from containers.trains.running import advance as run

    run(train)


@shared_task(name="containers.tasks.trains")
def trains() -> int:
    """The same for every train under way: one that was not told of its releases' end goes on all the same."""
    from containers.trains.running import active

    found = active()
    for train in found:
        advance_train.delay(train)
    return len(found)


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
    from containers.advancing.runner import LEAVING

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


@shared_task(name="containers.tasks.verify_contracts")
def verify_contracts(host: int) -> int:
    """Looks into a host's containers whose runtime contract is due to be verified."""
    from containers.services.contract import verify_host

    return verify_host(host)


@shared_task(name="containers.tasks.examine_image")
def examine_image(image: int) -> None:
    """Looks whether an image can run in init mode."""
    from containers.services.init_images import examine

    examine(image)


@shared_task(name="containers.tasks.measure_persisted")
def measure_persisted(host: int) -> None:
    """Looks which persisted folders a host has, and how large they are."""
    from containers.services.persisted import measure

    measure(host)


@shared_task(name="containers.tasks.measure_all_persisted")
def measure_all_persisted() -> None:
    """The same for all hosts on which instances persist something there."""
    from containers.services.persisted import measure_all

    measure_all()


@shared_task(name="containers.tasks.remove_persisted")
def remove_persisted(folder: int) -> None:
    """Removes a persisted folder from its host."""
    from containers.services.persisted import carry_out

    carry_out(folder)


@shared_task(name="containers.tasks.tidy_kept_logs", ignore_result=True)
def tidy_kept_logs() -> None:
    """Removes kept last lines that are too old, or too much."""
    from containers.keeping_logs import tidy

    tidy()


@shared_task(name="containers.tasks.hear_applications", ignore_result=True)
def hear_applications() -> None:
    """Takes what nobody reads or hears of what applications tell."""
    from containers.told import ears

    ears.note_beat()
    ears.EARS.start()


@shared_task(name="containers.tasks.sweep_traffic", ignore_result=True)
def sweep_traffic() -> int:
    """Puts back into traffic what is out by accident, and tells fronts what they have not heard."""
    from containers.traffic.sweep import sweep

    return sweep()


@shared_task(name="containers.tasks.compute_calendar", ignore_result=True)
def compute_calendar(calendar: int) -> None:
    """Computes a calendar's sessions and imported events anew."""
    from containers.guardrails.compute import compute

    compute(calendar)


@shared_task(name="containers.tasks.compute_calendars", ignore_result=True)
def compute_calendars() -> None:
    """The same for all that are old, or that somebody waits for."""
    from containers.guardrails.compute import compute_due

    compute_due()


@shared_task(name="containers.tasks.measure_gate", ignore_result=True)
def measure_gate(run: int) -> None:
    """Reads what a gate's rules ask for, and judges it."""
    from containers.gates.asking import measure

    measure(run)


@shared_task(name="containers.tasks.try_hook")
def try_hook(run: int) -> None:
    """Runs a hook once, because somebody wants to see it run."""
    from containers.services.hooks import carry_out

    carry_out(run)


@shared_task(name="containers.tasks.commit_statuses", expires=30)
def commit_statuses() -> None:
    """Notes which releases changed what forges are to be told of their commits."""
    from containers.automatic import statuses

    statuses.sweep()
