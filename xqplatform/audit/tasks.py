"""What workers do for the audit log. Each task calls one verb."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="audit.tasks.link", ignore_result=True)
def link() -> int:
    """Links what a dead process left unlinked."""
    from xqplatform.audit.chain.linking import link as run

    return run()


@shared_task(name="audit.tasks.checkpoint", ignore_result=True)
def checkpoint() -> None:
    """Signs the chain when that is due."""
    from xqplatform.audit.chain import checkpoints

    if checkpoints.due():
        checkpoints.make()
