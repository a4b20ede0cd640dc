"""What workers do for the audit log. Each task calls one verb."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="audit.tasks.link", ignore_result=True)
def link() -> int:
    """Links what a dead process left unlinked."""
    from xqplatform.audit.chain.linking import link as run

    return run()
