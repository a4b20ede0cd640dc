from django.apps import AppConfig

from xqplatform.celery import app as celery_app  # in every Django process, before a `shared_task` is called

__all__ = ["WebConfig", "celery_app"]


class WebConfig(AppConfig):
    name = "xqplatform.web"
    label = "web"

    def ready(self) -> None:
        from xqplatform.outgoing import rules

        rules.install()
