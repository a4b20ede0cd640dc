"""The store's housework, sent by the beat."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import OperationalError

from xqplatform.metrics import keeping

log = logging.getLogger(__name__)


@shared_task(name="metrics.tasks.keep", ignore_result=True)
def keep() -> None:
    try:
        keeping.keep()
    except OperationalError as error:  # locked for long, or full: nothing is half done, the next round goes on
        log.warning("The store of metrics waits for the database: %s", error)
