"""The platform. The Celery application is imported here, so that `shared_task` finds it in every process."""

from xqplatform.celery import app as celery_app

__all__ = ["celery_app"]
