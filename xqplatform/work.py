"""Handing work to the workers: the row first, the broker second.

A broker that is away loses nothing: every piece of work is a row with a state, and the beat's sweep enqueues what waits.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def enqueue(task: Any, *args: Any) -> None:
    """Enqueues a Celery task (primary keys as arguments) when the transaction has committed."""

    def send() -> None:
        try:
            task.delay(*args)
        except (OperationalError, OSError) as error:
            log.warning("Broker away, %s%r waits for the sweep: %s", task.name, args, error)

    transaction.on_commit(send)
