"""What workers do for the audit log. Each task calls one verb."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import OperationalError

log = logging.getLogger(__name__)


@shared_task(name="audit.tasks.link", ignore_result=True)
def link() -> int:
    """Links what a dead process left unlinked."""
    from xqplatform.audit.chain.linking import link as run

    return run()


@shared_task(name="audit.tasks.verify", ignore_result=True)
def verify(verification: int) -> None:
    """Verifies the whole log, or goes on with it."""
    from xqplatform.audit.proof import verifications

    verifications.run(verification)


@shared_task(name="audit.tasks.resume", ignore_result=True)
def resume() -> None:
    """Goes on with a verification that a dead worker left; begins one when that is due."""
    from xqplatform.audit.proof import verifications

    verifications.resume()


@shared_task(name="audit.tasks.send", ignore_result=True)
def send(outlet: str) -> None:
    """Sends what an outlet has not got yet."""
    from xqplatform.audit.proof import outlets

    outlets.run(outlet)


@shared_task(name="audit.tasks.outlets", ignore_result=True)
def send_all() -> None:
    """Enqueues every outlet that has something to send and that nobody serves."""
    from xqplatform.audit.proof import outlets

    outlets.resume()


@shared_task(name="audit.tasks.archive", ignore_result=True)
def archive() -> None:
    """Moves what is old enough into sealed archives."""
    from xqplatform.audit.chain import archives
    from xqplatform.audit.proof import outlets

    while archives.make(outlets.slowest()) is not None:
        pass


@shared_task(name="audit.tasks.checkpoint", ignore_result=True)
def checkpoint() -> None:
    """Signs the chain when that is due."""
    from xqplatform.audit.chain import checkpoints

    if checkpoints.due():
        checkpoints.make()


@shared_task(name="audit.tasks.fold", ignore_result=True)
def fold() -> None:
    """Tells how often came what was counted."""
    from xqplatform.audit import folding

    folding.close()


@shared_task(name="audit.tasks.catch_up", ignore_result=True)
def catch_up() -> None:
    """Adds events to the search that came by another way, and forgets archived ones."""
    from xqplatform.audit.search import index

    try:
        index.catch_up()
        index.tidy()
    except OperationalError as error:  # locked for long, or full: nothing is half done, the next round goes on
        log.warning("The index of the audit log waits for the database: %s", error)
