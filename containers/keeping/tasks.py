"""What workers do for data."""

from __future__ import annotations

from celery import shared_task

from xqplatform import work


@shared_task(name="keeping.tasks.look", ignore_result=True)
def look(host: int) -> None:
    """Looks at the volumes of a host."""
    from containers.keeping.seeing import look_at_host
    from hosts.models import Host

    look_at_host(Host.objects.get(pk=host))


@shared_task(name="keeping.tasks.look_all", ignore_result=True)
def look_all() -> None:
    from containers.keeping.seeing import look_at_all

    look_at_all()


@shared_task(name="keeping.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Puts right what operations left that ended without a word."""
    from containers.keeping.services import left
    from containers.keeping.sweeping import sweep as verb

    verb()
    left.sweep()


@shared_task(name="keeping.tasks.plan_backups", ignore_result=True)
def plan_backups() -> None:
    """Begins backups and drills that are due, and removes what the rules do not keep."""
    from containers.keeping.backup_beat import plan

    plan()


@shared_task(name="keeping.tasks.sweep_backups", ignore_result=True)
def sweep_backups() -> None:
    """Puts right what backups and drills left that ended without a word."""
    from containers.keeping.backup_beat import sweep as verb

    verb()


@shared_task(name="keeping.tasks.ask_stores", ignore_result=True)
def ask_stores() -> None:
    """Asks each store in time whether it takes and gives objects."""
    from containers.keeping.asking_stores import due

    for pk in due():
        work.enqueue(ask_store, pk)


@shared_task(name="keeping.tasks.ask_store", ignore_result=True)
def ask_store(target: int) -> None:
    """Tries a store out and notes what it said."""
    from containers.keeping.asking_stores import ask

    ask(target)


@shared_task(name="keeping.tasks.discard", ignore_result=True)
def discard(backup: int) -> None:
    """Removes a backup from its store."""
    from containers.keeping.backup_beat import discard as verb

    verb(backup)


@shared_task(name="keeping.tasks.schedule", ignore_result=True)
def schedule() -> None:
    """Begins what is due, removes what no rule keeps."""
    from containers.keeping.scheduling import run

    run()
