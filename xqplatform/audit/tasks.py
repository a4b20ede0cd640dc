"""What the beat sends."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import OperationalError

from xqplatform.audit.search import index

log = logging.getLogger(__name__)


@shared_task(name="audit.search.tasks.catch_up", ignore_result=True)
def catch_up() -> None:
    try:
        index.catch_up()
    except OperationalError as error:  # locked for long, or full: nothing is half done, the next round goes on
        log.warning("The index of the audit log waits for the database: %s", error)
