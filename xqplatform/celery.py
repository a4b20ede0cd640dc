"""The Celery application: a task takes a primary key and calls one verb."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xqplatform.settings")

app = Celery("xqplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
