"""Work of the workers for terminals and commands. (Listed in `containers.tasks`, where Celery looks.)"""

from __future__ import annotations

from celery import shared_task

from containers.terminal import commands, recordings, services


@shared_task(name="containers.tasks.run_command")
def run_command(pk: int) -> None:
    """Carries out a one-off command."""
    commands.carry_out(pk)


@shared_task(name="containers.tasks.terminals")
def sweep_terminals() -> int:
    """Ends what dead processes left of terminals and commands."""
    return services.sweep() + commands.sweep()


@shared_task(name="containers.tasks.recordings")
def tidy_recordings() -> int:
    """Removes old recordings and outputs."""
    return recordings.tidy()
