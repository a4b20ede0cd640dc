"""The Celery application: a task takes a primary key and calls one verb."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging
from django.conf import settings
from django.utils import translation
from django.utils.log import configure_logging

from xqplatform import transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xqplatform.settings")


class StoredWords(Task):  # type: ignore[misc]
    """Sentences that work leaves in rows are in one language, whoever asked for the work and whoever will read it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with translation.override(settings.LANGUAGE_CODE):
            return super().__call__(*args, **kwargs)


@setup_logging.connect
def _log(**_: Any) -> None:
    """As all other processes do: Celery's own handlers would tell what ours keeps to itself."""
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


transport.use()
app = Celery("xqplatform", task_cls=StoredWords)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
